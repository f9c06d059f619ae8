// Shows both versions of an image that somebody changed meanwhile, and asks which to keep.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { askIn } from './confirm.js';
import { calm } from './text.js';

/** @typedef {import('./api.js').Image} Image */

const names = { refined_prompt: 'Prompt', intent: 'Intent' };

/**
 * @param {Image} shown what the person saw
 * @param {Image} current what is stored now
 * @param {import('./image-form.js').Draft} changes what the person typed
 * @returns {Promise<'mine' | 'theirs' | null>} null: go on editing
 */
export function chooseVersion(shown, current, changes) {
  const fields = /** @type {(keyof typeof names)[]} */ (Object.keys(names)).filter(field => field in changes || shown[field] !== current[field]);
  const mine = (/** @type {keyof typeof names} */ field) => (field in changes ? changes[field] : current[field]);
  const text = (/** @type {string | null | undefined} */ value) => (value ? html`<p dir="auto">${calm(value)}</p>` : html`<p class="hint">Empty</p>`);
  const others = /** @type {(keyof Image)[]} */ (['tags', 'metadata', 'user_id']).filter(field => JSON.stringify(shown[field]) !== JSON.stringify(current[field]));
  return askIn(close => html`
    <h2 id="question">Somebody changed this image meanwhile</h2>
    <div class="versions">
      ${fields.map(field => html`
        <section><h3>${names[field]}: saved now</h3>${text(current[field])}</section>
        <section><h3>${names[field]}: yours</h3>${text(mine(field))}</section>`)}
    </div>
    ${others.length > 0 ? html`<p class="hint">Also changed, and kept in both cases: ${others.join(', ').replace('user_id', 'user')}.</p>` : nothing}
    <div class="buttons">
      <button autofocus @click=${() => close(null)}>Go on editing</button>
      <button @click=${() => close('theirs')}>Keep what is saved</button>
      <button class="primary" @click=${() => close('mine')}>Save mine</button>
    </div>`, /** @type {'mine' | 'theirs' | null} */ (null));
}
