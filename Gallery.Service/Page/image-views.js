// How often one image was viewed, day by day. It is read when somebody unfolds it.

import { html, nothing, svg } from './vendor/lit-html/lit-html.js';
import { formatDay, plural } from './text.js';

/** @typedef {{ start: string, views: number, downloads: number }} Day */
/** @typedef {{ views: number, downloads: number, total_views: number, total_downloads: number, buckets: Day[] }} Statistics */

const height = 100;   // of the plot, in its own units
const step = 10;      // from one day to the next
const gap = 2;        // between two bars

export class ImageViews {
  #app;
  #isOpen = false;
  #isRead = false;
  #failure = '';
  /** @type {Statistics | null} */
  #statistics = null;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  reset() {
    this.#isOpen = false;
    this.#forget();
  }

  /** @param {string} id */
  template(id) {
    if (this.#isOpen && !this.#isRead) this.#read(id);
    return html`<details class="views" .open=${this.#isOpen} @toggle=${(/** @type {Event} */ event) => {
      const { open } = /** @type {HTMLDetailsElement} */ (event.target);
      if (open === this.#isOpen) return;
      this.#isOpen = open;
      if (open) this.#forget();   // new views may have come
      this.#app.update();
    }}>
      <summary>Views</summary>
      ${this.#failure ? html`<p class="error" role="alert">The views did not load. ${this.#failure}</p><button @click=${() => { this.#forget(); this.#app.update(); }}>Try again</button>`
        : this.#statistics === null ? html`<p class="hint" role="status">Loading the views …</p>`
        : summary(this.#statistics)}
    </details>`;
  }

  #forget() {
    this.#isRead = false;
    this.#failure = '';
    this.#statistics = null;
  }

  /** @param {string} id */
  async #read(id) {
    this.#isRead = true;
    const isShown = () => id === this.#app.view.image && this.#isRead;
    try {
      const { data } = await this.#app.api.send('GET', `${id}/statistics/`);
      if (isShown()) this.#statistics = data;
    } catch (error) {
      this.#app.dialog.noteFailure(id, error);
      if (isShown()) this.#failure = /** @type {Error} */ (error).message;
    }

    this.#app.update();
  }
}

/** @param {Statistics} statistics */
function summary({ views, downloads, total_views: allViews, total_downloads: allDownloads, buckets }) {
  if (allViews + allDownloads === 0) return html`<p class="hint">No views yet</p>`;
  const days = buckets.filter(day => day.views + day.downloads > 0).reverse();
  return html`
    <p>${plural(views, 'view')} and ${plural(downloads, 'download')} in ${plural(buckets.length, 'day')}</p>
    ${views > 0 ? plot(buckets) : nothing}
    <p class="hint">${plural(allViews, 'view')} and ${plural(allDownloads, 'download')} in all. A visitor counts once a day. Views of the owner do not count, except through a link.</p>
    ${days.length > 0 ? html`<details><summary>Day by day</summary><table>
      <thead><tr><th scope="col">Day (UTC)</th><th scope="col">Views</th><th scope="col">Downloads</th></tr></thead>
      <tbody>${days.map(day => html`<tr><th scope="row">${formatDay(day.start)}</th><td>${day.views}</td><td>${day.downloads}</td></tr>`)}</tbody>
    </table></details>` : nothing}`;
}

/** One bar for each day. Its sizes are attributes, because the page's policy allows no inline style. @param {Day[]} days */
function plot(days) {
  const best = days.reduce((most, day) => (day.views > most.views ? day : most));
  const [first, last] = [days[0], days[days.length - 1]].map(day => formatDay(day.start));
  return html`<figure class="plot">
    <figcaption><span>${plural(best.views, 'view')} on ${formatDay(best.start)}, the most on one day</span></figcaption>
    <svg role="img" aria-label=${`Views per day from ${first} to ${last}. The most are ${best.views}, on ${formatDay(best.start)}.`} viewBox=${`0 0 ${days.length * step - gap} ${height}`} preserveAspectRatio="none">
      ${days.map((day, i) => bar(day, i * step, day.views / best.views * height))}
    </svg>
    <p><span>${first}</span><span>${last}</span></p>
  </figure>`;
}

/** Its title shows under the pointer. @param {Day} day @param {number} x @param {number} size */
const bar = (day, x, size) => svg`<g>
  <title>${formatDay(day.start)}: ${plural(day.views, 'view')}, ${plural(day.downloads, 'download')}</title>
  <rect class="place" x=${x} y="0" width=${step - gap} height=${height}></rect>
  <rect class="bar" x=${x} y=${height - size} width=${step - gap} height=${size}></rect>
</g>`;
