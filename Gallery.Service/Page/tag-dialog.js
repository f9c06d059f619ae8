// Asks which tags to add to many images, and which to remove.

import { html } from './vendor/lit-html/lit-html.js';
import { askIn } from './confirm.js';
import { TagSuggestions } from './tag-suggestions.js';
import { plural } from './text.js';

/**
 * @param {import('./app.js').App} app
 * @param {number} count of images
 * @returns {Promise<{ add: string[], remove: string[] } | null>}
 */
export function askForTags(app, count) {
  /** @type {TagSuggestions | null} */
  let suggestions = null;
  return askIn((close, update) => {
    suggestions ??= new TagSuggestions(app.api, app.view.user, update);
    const typed = (/** @type {Event} */ event) => suggestions?.typed(/** @type {HTMLInputElement} */ (event.target).value);
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
      const [add, remove] = ['add', 'remove'].map(name => split(String(form.get(name))));
      close(add.length + remove.length > 0 ? { add, remove } : null);
    };
    return html`
      <h2 id="question">Tag ${plural(count, 'image')}</h2>
      <form @submit=${submit}>
        <label>Tags to add <input name="add" list="tags-to-choose" autocomplete="off" autofocus @input=${typed} @focus=${typed}></label>
        <label>Tags to remove <input name="remove" list="tags-to-choose" autocomplete="off" @input=${typed} @focus=${typed}></label>
        <p class="hint">Separate several tags by commas.</p>
        ${suggestions.template('tags-to-choose')}
        <div class="buttons">
          <button type="button" @click=${() => close(null)}>Cancel</button>
          <button class="primary">Save tags</button>
        </div>
      </form>`;
  }, /** @type {{ add: string[], remove: string[] } | null} */ (null));
}

/** @param {string} text */
const split = text => text.split(',').map(tag => tag.trim()).filter(tag => tag !== '');
