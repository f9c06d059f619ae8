// Messages about what was done, with Undo where that is possible.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { icon } from './icons.js';

/**
 * @typedef {object} Message
 * @property {string} text
 * @property {'done' | 'failed'} kind
 * @property {string[]} details one for each failure
 * @property {(() => unknown) | null} undo
 */

const most = 3;
const seconds = 8;           // until a message that needs no action goes
const secondsToUndo = 30;

export class Messages {
  #changed;
  /** @type {Message[]} the latest last */
  #shown = [];

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} text @param {(() => unknown) | null} [undo] */
  done(text, undo = null) {
    this.#show({ text, kind: 'done', details: [], undo }, undo ? secondsToUndo : seconds);
  }

  /** A failure stays until someone closes it. @param {string} text @param {string[]} [details] */
  failed(text, details = []) {
    this.#show({ text, kind: 'failed', details, undo: null }, null);
  }

  /** Undoes what was done last. */
  undo() {
    const message = this.#shown.findLast(shown => shown.undo);
    if (message) this.#undo(message);
  }

  /** Another user must not see them. */
  forget() {
    this.#shown = [];
    this.#changed();
  }

  template() {
    return html`
      <div class="messages" role="status">
        ${this.#shown.map(message => html`
          <div class="message ${message.kind}">
            <div>
              <p>${message.text}</p>
              ${message.details.length > 0 ? html`<ul tabindex="0" aria-label="Failures">${message.details.map(detail => html`<li>${detail}</li>`)}</ul>` : nothing}
            </div>
            ${message.undo ? html`<button class="plain" @click=${() => this.#undo(message)}>Undo</button>` : nothing}
            <button class="icon" aria-label="Close message" @click=${() => this.#hide(message)}>${icon('close')}</button>
          </div>`)}
      </div>`;
  }

  /** @param {Message} message @param {number | null} wait in seconds */
  #show(message, wait) {
    const done = this.#shown.filter(shown => shown.kind === 'done');
    const spare = done.find(shown => !shown.undo) ?? (message.undo ? done[0] : undefined);   // only a newer Undo takes the place of one
    this.#shown = [...this.#shown.filter(shown => this.#shown.length < most || shown !== spare), message];
    if (wait !== null) setTimeout(() => this.#hide(message), wait * 1000);
    this.#changed();
  }

  /** @param {Message} message */
  #hide(message) {
    this.#shown = this.#shown.filter(shown => shown !== message);
    this.#changed();
  }

  /** @param {Message} message */
  #undo(message) {
    this.#hide(message);
    message.undo?.();
  }
}
