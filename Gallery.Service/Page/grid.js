// The grid of square thumbnails. Only the rows in view are in the DOM, so that 10,000 images scroll like 100.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { repeat } from './vendor/lit-html/directives/repeat.js';
import { icon } from './icons.js';
import { markBroken, thumbnailOf } from './pictures.js';
import { clip, daysLeft, nameOf, plural } from './text.js';
import { urlOf } from './view.js';

/** @typedef {import('./api.js').Image} Image */

const gap = 6;
const narrow = 600;      // below this width of the grid, tiles are smaller
const leastTile = 180;   // the least side of a tile
const smallTile = 104;
const longestWords = 500;
const spareRows = 2;     // above and below the view
const screensAhead = 2;  // how far below the view the next page is loaded

export class Grid {
  #app;
  #columns = 1;
  #row = leastTile + gap;   // the height of a row with its gap
  #width = 0;
  /** @type {string | null} the tile that Tab reaches */
  #current = null;
  /** @type {{ id: string, at: number } | null} the image that the last change of the width kept in view, and how far the window was scrolled then */
  #kept = null;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
    window.addEventListener('scroll', () => app.update(), { passive: true });
    window.addEventListener('resize', () => app.update());
  }

  /** The first image in view. */
  get first() {
    const { images } = this.#app.list;
    return images[Math.min(images.length - 1, Math.max(0, Math.ceil(this.#above() / this.#row - 0.5)) * this.#columns)] ?? null;
  }

  template() {
    const { images } = this.#app.list;
    const rows = Math.ceil(images.length / this.#columns);
    const start = Math.min(Math.max(0, Math.floor(this.#above() / this.#row) - spareRows), Math.max(0, rows - 1));
    const end = Math.ceil((this.#above() + window.innerHeight) / this.#row) + spareRows;
    const shown = images.slice(start * this.#columns, Math.max(start + 1, end) * this.#columns);
    const current = images.some(image => image.image_id === this.#current) ? this.#current : images[0]?.image_id;
    return html`<div class="grid" .style=${`--columns: ${this.#columns}; --gap: ${gap}px; height: ${rows * this.#row}px`} @keydown=${this.#pressed}>
      <ul role="list" aria-label="Images" .style=${`transform: translateY(${start * this.#row}px)`}>
        ${repeat(shown, image => image.image_id, (image, i) => this.#tile(image, start * this.#columns + i, image.image_id === current))}
      </ul>
    </div>`;
  }

  /** Measures after a rendering, and loads what will be needed next. */
  rendered() {
    const element = this.#element();
    if (!element) return;
    const width = element.clientWidth;
    if (width !== this.#width && width > 0) this.#fit(width);
    const { list } = this.#app;
    const bottom = element.getBoundingClientRect().top + Math.ceil(list.images.length / this.#columns) * this.#row;
    if (!list.isComplete && !list.problem && bottom < window.innerHeight * (1 + screensAhead)) list.more();
  }

  /** Moves the focus to a tile, and scrolls to it. @param {string | null} id */
  focus(id) {
    const index = id === null ? -1 : this.#app.list.indexOf(id);
    if (index < 0) return;
    this.#current = id;
    const top = Math.floor(index / this.#columns) * this.#row;
    const above = this.#scrolled();
    const visible = window.innerHeight - this.#top();
    if (top < above) window.scrollBy(0, top - above);
    else if (top + this.#row > above + visible) window.scrollBy(0, top + this.#row - above - visible);
    this.#app.render();
    /** @type {HTMLElement | null} */ (document.querySelector(`.tile[data-id="${id}"] a`))?.focus({ preventScroll: true });
  }

  /** @param {Image} image @param {number} index @param {boolean} isCurrent */
  #tile(image, index, isCurrent) {
    const { selection, settings, view } = this.#app;
    const isSelected = selection.ids.has(image.image_id);
    const picture = thumbnailOf(image, settings.is_demo);
    const left = daysLeft(image.purge_at);
    const size = this.#app.list.isComplete ? this.#app.list.images.length : -1;   // -1: not known yet
    return html`<li class=${isSelected ? 'tile selected' : 'tile'} data-id=${image.image_id} aria-setsize=${size} aria-posinset=${index + 1}>
      <a href=${urlOf({ ...view, image: image.image_id })} tabindex=${isCurrent ? 0 : -1} aria-label=${nameOf(image)} aria-description=${isSelected ? 'selected' : nothing}
        @click=${(/** @type {MouseEvent} */ event) => this.#clicked(event, image.image_id)} @focus=${() => { this.#current = image.image_id; }}>
        ${picture === null
          ? html`<span class="words" dir="auto">${image.refined_prompt?.slice(0, longestWords) ?? 'This picture does not load.'}</span>`
          : html`<img src=${picture} alt="" decoding="async" draggable="false" @error=${() => { markBroken(picture); this.#app.update(); }}>
            ${image.refined_prompt ? html`<span class="caption" dir="auto">${clip(image.refined_prompt, 100)}</span>` : nothing}`}
        ${view.isTrash && left !== null ? html`<span class="days">${left === 0 ? 'last day' : `${plural(left, 'day')} left`}</span>` : nothing}
      </a>
      ${view.isShared ? nothing : html`<button class="check" tabindex="-1" aria-pressed=${isSelected} aria-label=${`Select ${nameOf(image)}`}
        @click=${(/** @type {MouseEvent} */ event) => this.#check(event, image.image_id)}>${icon('check')}</button>`}
    </li>`;
  }

  /** A click opens an image. While some are selected, and with Ctrl or Shift, it selects. @param {MouseEvent} event @param {string} id */
  #clicked(event, id) {
    if (event.button !== 0 || event.altKey) return;
    event.preventDefault();
    if (!this.#app.view.isShared && (event.shiftKey || event.ctrlKey || event.metaKey || this.#app.selection.ids.size > 0)) this.#check(event, id);
    else this.#app.open(id);
  }

  /** @param {MouseEvent} event @param {string} id */
  #check(event, id) {
    const { list, selection } = this.#app;
    if (event.shiftKey) selection.extend(id, list.images);
    else selection.toggle(id);
    this.#current = id;
  }

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    const { list, selection, actions, view } = this.#app;
    const id = /** @type {HTMLElement} */ (event.target).closest('li')?.dataset.id;
    if (!id || event.altKey) return;
    const isMod = event.ctrlKey || event.metaKey;
    const index = list.indexOf(id);
    const page = this.#columns * Math.max(1, Math.floor((window.innerHeight - this.#top()) / this.#row));
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      ArrowUp: index - this.#columns,
      ArrowDown: index + this.#columns,
      Home: 0,
      End: list.images.length - 1,
      PageUp: Math.max(index % this.#columns, index - page),
      PageDown: Math.min(list.images.length - 1, index + page),
    };
    const target = list.images[moves[event.key]];
    if (event.key in moves) {
      if (target && event.shiftKey && !view.isShared) {
        if (!selection.ids.has(id)) selection.toggle(id);
        selection.extend(target.image_id, list.images);
      }

      if (target) this.focus(target.image_id);
    } else if (view.isShared) return;   // nothing can be done with many images of others
    else if (event.key === ' ' && event.shiftKey) selection.extend(id, list.images);
    else if (event.key === ' ' || event.key === 'x') selection.toggle(id);
    else if (event.key === 'a' && isMod) selection.all(list.images);
    else if (event.key === 'Delete' && !event.repeat) {   // held, it would delete the next image too
      const ids = selection.ids.size > 0 ? [...selection.ids] : [id];
      if (!view.isTrash) actions.delete(ids);
      else if (this.#app.mayPurge) actions.purge(ids);
    } else return;
    event.preventDefault();
  };

  /** Chooses the number of columns, and keeps the first image in view. @param {number} width */
  #fit(width) {
    // While nobody scrolls, it is the same image at each change. Otherwise many small changes would lead far away.
    const isKept = this.#kept !== null && Math.abs(window.scrollY - this.#kept.at) < 1;
    const id = this.#width > 0 && this.#above() > 0 ? (isKept ? this.#kept?.id : this.first?.image_id) : undefined;
    const least = width < narrow ? smallTile : leastTile;
    this.#width = width;
    this.#columns = Math.max(2, Math.floor((width + gap) / (least + gap)));
    this.#row = (width + gap) / this.#columns;
    this.#app.render();
    const index = id === undefined ? -1 : this.#app.list.indexOf(id);
    if (index >= 0) window.scrollBy(0, Math.floor(index / this.#columns) * this.#row - this.#above());
    this.#kept = id === undefined ? null : { id, at: window.scrollY };
  }

  #element() {
    return /** @type {HTMLElement | null} */ (document.querySelector('.grid'));
  }

  /** The lower edge of what sticks to the top. */
  #top() {
    return document.querySelector('header')?.offsetHeight ?? 0;
  }

  /** How much of the grid is scrolled out at the top. */
  #above() {
    return Math.max(0, this.#scrolled());
  }

  /** How far the grid is scrolled. Negative if there is space above it. */
  #scrolled() {
    const element = this.#element();
    return element ? this.#top() - element.getBoundingClientRect().top : 0;
  }
}
