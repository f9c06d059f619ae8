// A question before something that cannot be undone.

import { html, render } from './vendor/lit-html/lit-html.js';

/**
 * @param {{ question: string, text: string, action: string }} ask
 * @returns {Promise<boolean>} whether the person wants it
 */
export const confirm = ({ question, text, action }) => askIn(close => html`
  <h2 id="question">${question}</h2>
  <p>${text}</p>
  <div class="buttons">
    <button autofocus @click=${() => close(false)}>Cancel</button>
    <button class="danger" @click=${() => close(true)}>${action}</button>
  </div>`, false);

/**
 * Shows a dialog until it is closed. Escape closes it with the value for "no".
 * @template T
 * @param {(close: (value: T) => void, update: () => void) => unknown} template has an element with the id "question", which names the dialog
 * @param {T} no
 * @param {string} [name] the id of that element, if another dialog may be above this one
 * @returns {Promise<T>}
 */
export function askIn(template, no, name = 'question') {
  const dialog = document.createElement('dialog');
  dialog.className = 'ask';
  dialog.setAttribute('aria-labelledby', name);
  document.body.append(dialog);
  const { promise, resolve } = Promise.withResolvers();
  const close = (/** @type {T} */ value) => {
    resolve(value);
    dialog.close();
  };
  const update = () => void render(template(close, update), dialog);
  dialog.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    event.preventDefault();   // Chromium would close the image below too, unless there was a click in between
    close(no);
  });
  const stop = new AbortController();
  window.addEventListener('popstate', () => close(no), { signal: stop.signal });   // what it is about may be gone
  dialog.addEventListener('close', () => {
    stop.abort();
    resolve(no);
    dialog.remove();
  });
  update();
  dialog.showModal();
  return promise;
}
