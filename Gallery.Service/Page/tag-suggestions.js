// Tags to choose from while one is typed.

import { html } from './vendor/lit-html/lit-html.js';
import { isAbort } from './api.js';

const pause = 200;   // milliseconds without a key before a request
const most = 20;

/** The frequent tags that begin with what was typed. The latest text wins. */
export class TagSuggestions {
  #api;
  #user;
  #changed;
  #stop = new AbortController();
  #timer = 0;
  #earlierTags = '';
  /** @type {{ name: string, count: number }[]} */
  #tags = [];

  /**
   * @param {import('./api.js').Api} api
   * @param {string} user whose tags; empty: everyone's, or with a token the user's own
   * @param {() => void} changed
   */
  constructor(api, user, changed) {
    this.#api = api;
    this.#user = user;
    this.#changed = changed;
  }

  /** @param {string} text in a list with commas, the last tag is the one being typed */
  typed(text) {
    const start = text.lastIndexOf(',') + 1;
    this.#earlierTags = start > 0 ? `${text.slice(0, start)} ` : '';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#find(text.slice(start).trim()), pause);
  }

  /** @param {string} id the id that the input names in its list attribute */
  template(id) {
    return html`<datalist id=${id}>${this.#tags.map(tag => html`<option value=${this.#earlierTags + tag.name}>${tag.count}</option>`)}</datalist>`;
  }

  /** @param {string} prefix */
  async #find(prefix) {
    this.#stop.abort();
    this.#stop = new AbortController();
    const query = new URLSearchParams({ sort: 'count', limit: String(most) });
    if (prefix) query.set('prefix', prefix);
    if (this.#user) query.set('user_id', this.#user);
    try {
      this.#tags = (await this.#api.send('GET', 'tags/', { query, signal: this.#stop.signal })).data;
      this.#changed();
    } catch (error) {
      if (!isAbort(error)) this.#tags = [];   // without suggestions one types the whole tag
    }
  }
}
