// What the list says when it is empty, loads, or failed.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { forgetBroken } from './pictures.js';
import { hasFilters, withoutFilters } from './view.js';

/** @param {import('./app.js').App} app */
export function listState(app) {
  const { list, view } = app;
  const isRefused = list.problem !== null && [400, 422].includes(list.problem.status);   // it will be refused again
  if (list.problem) return html`<div class="state" role="alert">
    <h2>${isRefused ? 'This search does not work' : list.images.length > 0 ? 'The next images did not load' : 'The images did not load'}</h2>
    <p>${list.problem.message}</p>
    ${isRefused ? nothing : html`<button class="primary" @click=${() => { forgetBroken(); list.retry(); }}>Try again</button>`}
    ${hasFilters(view) ? html`<button @click=${() => app.go(withoutFilters(view))}>Clear filters</button>` : nothing}
  </div>`;
  if (list.isLoading) return html`<p class="state loading" role="status">Loading images …</p>`;
  if (list.images.length > 0 || !list.isComplete) return nothing;
  if (hasFilters(view)) return html`<div class="state">
    <h2>No image matches</h2>
    ${view.from && view.to && view.from > view.to ? html`<p>The first day is after the last day. Exchange them.</p>` : nothing}
    ${view.q ? html`<p>Search matches whole words. Add * to match beginnings, such as light*.</p>` : nothing}
    <button class="primary" @click=${() => app.go(withoutFilters(view))}>Clear filters</button>
  </div>`;
  if (view.isShared) return html`<div class="state"><h2>Nothing is shared with you</h2><p>Others can share an image with you if they know your user id, which is above.</p></div>`;
  return view.isTrash
    ? html`<div class="state"><h2>The trash is empty</h2><p>Images that you delete come here first.</p></div>`
    : html`<div class="state">
      <h2>No images yet</h2>
      <p>Images appear here when they are saved through the API: <a href="docs">all its routes</a>.</p>
      ${app.settings.is_demo ? html`<p>To look around first, fill in 300 invented images:</p><pre tabindex="0">dotnet run --project Gallery.Service -- demo</pre>
        <button class="primary" @click=${() => app.reload()}>Look again</button>` : nothing}
    </div>`;
}
