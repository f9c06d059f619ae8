// A list of the API that is shown page by page, and changed while it is shown.

import { html, nothing } from './vendor/lit-html/lit-html.js';

/** @template {object} T */
export class PagedList {
  #api;
  #path;
  #key;
  #changed;
  #isLoading = false;
  #failure = '';
  /** @type {string | null} */
  #cursor = '';
  /** @type {T[]} */
  items = [];

  /**
   * @param {import('./api.js').Api} api
   * @param {string} path
   * @param {keyof T} key the field that names an item
   * @param {() => void} changed
   */
  constructor(api, path, key, changed) {
    this.#api = api;
    this.#path = path;
    this.#key = key;
    this.#changed = changed;
    this.#load();
  }

  /** Shows an item in its place, or as the first one. @param {T} item */
  put(item) {
    const isThis = (/** @type {T} */ other) => other[this.#key] === item[this.#key];
    this.items = this.items.some(isThis) ? this.items.map(other => (isThis(other) ? item : other)) : [item, ...this.items];
  }

  /** @param {T} item */
  remove(item) {
    this.items = this.items.filter(other => other[this.#key] !== item[this.#key]);
  }

  clear() {
    this.items = [];
    this.#cursor = null;
  }

  /** What follows the items. */
  rest() {
    if (this.#failure) return html`<p class="error" role="alert">${this.#failure}</p><div><button @click=${() => this.#load()}>Try again</button></div>`;
    if (this.#isLoading) return html`<p class="hint" role="status">Loading …</p>`;
    return this.#cursor ? html`<div><button @click=${() => this.#load()}>Show more</button></div>` : nothing;
  }

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#failure = '';
    this.#changed();
    try {
      const { data, pagination } = await this.#api.send('GET', this.#path, { query: new URLSearchParams(this.#cursor ? { cursor: this.#cursor } : {}) });
      const known = new Set(this.items.map(item => item[this.#key]));
      this.items = [...this.items, ...data.filter((/** @type {T} */ item) => !known.has(item[this.#key]))];
      this.#cursor = pagination?.next_cursor ?? null;
    } catch (error) {
      this.#failure = /** @type {Error} */ (error).message;
    }

    this.#isLoading = false;
    this.#changed();
  }
}
