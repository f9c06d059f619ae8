// What happened to one image. It is read when somebody unfolds it.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { formatMoment } from './text.js';

/** @typedef {{ revision: number, event: string, at: string, by: string | null, fields: string[] }} Event_ */

/** @type {Record<string, string>} */
const names = {
  created: 'Created', filled_in: 'Filled in by a later save', edited: 'Edited', trashed: 'Moved to the trash', restored: 'Restored', purged: 'Deleted permanently',
};

export class ImageHistory {
  #app;
  #isOpen = false;
  #isRead = false;
  #isReading = false;
  #failure = '';
  /** @type {Event_[]} */
  #events = [];
  /** @type {string | null} */
  #cursor = '';

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  reset() {
    this.#isOpen = this.#isReading = false;
    this.#events = [];
    this.#failure = '';
    this.forget();
  }

  /** The image changed, so that the history is read again. */
  forget() {
    this.#isRead = false;
  }

  /** @param {string} id */
  template(id) {
    if (this.#isOpen && !this.#isRead) this.#read(id, true);
    return html`<details class="history" .open=${this.#isOpen} @toggle=${(/** @type {Event} */ event) => {
      const { open } = /** @type {HTMLDetailsElement} */ (event.target);
      if (open === this.#isOpen) return;
      this.#isOpen = open;
      this.#app.update();
    }}>
      <summary>History</summary>
      ${this.#failure ? html`<p class="error" role="alert">${this.#failure}</p><button @click=${() => { this.forget(); this.#app.update(); }}>Try again</button>` : nothing}
      <ol>${this.#events.map(event => html`<li>
        <span>${names[event.event] ?? event.event}${event.fields.length > 0 ? `: ${event.fields.join(', ').replace('refined_prompt', 'prompt').replace('user_id', 'user')}` : ''}</span>
        <span class="hint"><time datetime=${event.at}>${formatMoment(event.at)}</time>${event.by ? ` by ${event.by.replace(':', ' ')}` : ''}</span>
      </li>`)}</ol>
      ${this.#isRead && this.#cursor ? html`<button @click=${() => this.#read(id, false)}>Show older</button>` : nothing}
    </details>`;
  }

  /** @param {string} id @param {boolean} isFirst */
  async #read(id, isFirst) {
    if (this.#isReading) return;
    this.#isRead = this.#isReading = true;
    this.#failure = '';
    const query = new URLSearchParams(isFirst ? {} : { cursor: this.#cursor ?? '' });
    try {
      const { data, pagination } = await this.#app.api.send('GET', `${id}/history/`, { query });
      if (id !== this.#app.view.image) return;
      this.#events = isFirst ? data : [...this.#events, ...data];
      this.#cursor = pagination?.next_cursor ?? null;
    } catch (error) {
      this.#app.dialog.noteFailure(id, error);
      if (id !== this.#app.view.image) return;
      this.#events = [];
      this.#failure = /** @type {Error} */ (error).message;
    }

    this.#isReading = false;
    this.#app.update();
  }
}
