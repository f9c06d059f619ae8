// Asks which tags to add to many images, and which to remove.

import { html } from './vendor/lit-html/lit-html.js';
import { askIn } from './confirm.js';
import { TagSuggestions } from './tag-suggestions.js';
import { clip, hasTag, plural } from './text.js';

const longest = 64;   // characters of a tag, in NFC

/**
 * @param {import('./app.js').App} app
 * @param {number} count of images
 * @returns {Promise<{ add: string[], remove: string[] } | null>}
 */
export function askForTags(app, count) {
  /** @type {TagSuggestions | null} */
  let suggestions = null;
  let error = '';
  return askIn((close, update) => {
    suggestions ??= new TagSuggestions(app.api, app.view.user, update);
    const typed = (/** @type {Event} */ event) => suggestions?.typed(/** @type {HTMLInputElement} */ (event.target).value);
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
      const [add, remove] = ['add', 'remove'].map(name => splitTags(String(form.get(name))));
      error = findFault(add, remove);
      if (error) return update();
      close(add.length + remove.length > 0 ? { add, remove } : null);
    };
    return html`
      <h2 id="question">Tag ${plural(count, 'image')}</h2>
      <form @submit=${submit}>
        <label>Tags to add <input name="add" list="tags-to-choose" autocomplete="off" autofocus @input=${typed} @focus=${typed}></label>
        <label>Tags to remove <input name="remove" list="tags-to-choose" autocomplete="off" @input=${typed} @focus=${typed}></label>
        <p class="hint">Separate several tags by commas.</p>
        <p class="error" role="alert">${error}</p>
        ${suggestions.template('tags-to-choose')}
        <div class="buttons">
          <button type="button" @click=${() => close(null)}>Cancel</button>
          <button class="primary">Save tags</button>
        </div>
      </form>`;
  }, /** @type {{ add: string[], remove: string[] } | null} */ (null));
}

/** @param {string[]} add @param {string[]} remove @returns {string} what the API would refuse, so that nothing typed is lost; empty if nothing */
function findFault(add, remove) {
  const long = [...add, ...remove].find(tag => [...tag.normalize()].length > longest);
  if (long) return `A tag has at most ${longest} characters: ${clip(long, 40)}`;
  const both = add.find(tag => hasTag(remove, tag));
  return both ? `A tag cannot be added and removed at once: ${clip(both, 40)}` : '';
}

/** @param {string} text */
export const splitTags = text => text.split(',').map(tag => tag.trim()).filter(tag => tag !== '');
