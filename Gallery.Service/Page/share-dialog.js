// Shares one image: by links that show it to anyone, and with users. What somebody typed stays until it is saved.

import { html } from './vendor/lit-html/lit-html.js';
import { askIn } from './confirm.js';
import { ShareLinks } from './share-links.js';
import { SharePeople } from './share-people.js';
import { nameOf } from './text.js';

/** @typedef {Pick<import('./messages.js').Messages, 'done' | 'failed'>} Notes what the dialog says at its foot */

/**
 * @param {import('./app.js').App} app
 * @param {import('./api.js').Image} image
 */
export async function openShareDialog(app, image) {
  let update = () => {};
  let [done, failed] = ['', ''];
  const notes = {
    done: (/** @type {string} */ text) => { [done, failed] = [text, '']; update(); },
    failed: (/** @type {string} */ text) => { [done, failed] = ['', text]; update(); },
  };
  const links = new ShareLinks(app.api, image, notes, () => update());
  const people = new SharePeople(app.api, image, notes, app.settings.supabase_url !== null, () => update());
  await askIn((close, render) => {
    update = render;
    return html`
      <h2 id="share">Share ${nameOf(image)}</h2>
      ${links.template()}
      ${people.template()}
      <div class="foot">
        <p role="status">${done}</p>
        <p class="error" role="alert">${failed}</p>
        <button @click=${() => close(null)}>Done</button>
      </div>`;
  }, null, 'share');
}

/**
 * A text with its label and what the API says about it.
 * @param {{ name: string, label: string, errors: Record<string, string[]>, hint?: string, mode?: 'numeric' }} field
 */
export const textField = ({ name, label, errors, hint = '', mode }) => html`<div>
  <label for=${`share-${name}`}>${label}</label>
  <input id=${`share-${name}`} name=${name} placeholder=${hint} inputmode=${mode ?? 'text'} autocomplete="off" autocapitalize="off" spellcheck="false"
    aria-invalid=${name in errors} aria-describedby=${`share-${name}-error`}>
  <p id=${`share-${name}-error`} class="error" role="alert">${errors[name]?.join(' ') ?? ''}</p>
</div>`;
