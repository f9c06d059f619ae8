// Metadata as a tree that one can read and unfold.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { calm } from './text.js';

const most = 200;   // members shown of one object or array

/** @param {Record<string, unknown>} metadata */
export const metadataTree = metadata => (Object.keys(metadata).length === 0 ? nothing : html`<section aria-labelledby="metadata">
  <h2 id="metadata">Metadata</h2>
  ${members(metadata)}
</section>`);

/**
 * @param {object} value an object or an array
 * @returns {import('./vendor/lit-html/lit-html.js').TemplateResult}
 */
function members(value) {
  const all = Object.entries(value);
  return html`<ul class="tree" role="list">
    ${all.slice(0, most).map(([name, inner]) => (isTree(inner)
      ? html`<li><details ?open=${Object.keys(inner).length <= 12}><summary>${calm(name)} <span class="count">${Object.keys(inner).length}</span></summary>${members(inner)}</details></li>`
      : html`<li><span class="name">${calm(name)}</span> <span class="value ${typeof inner}">${calm(print(inner))}</span></li>`))}
    ${all.length > most ? html`<li class="hint">and ${all.length - most} more</li>` : nothing}
  </ul>`;
}

/** @param {unknown} value @returns {value is object} whether it has members */
const isTree = value => typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** @param {unknown} value */
const print = value => (typeof value === 'string' ? value || '""' : JSON.stringify(value));
