// Tags of one image: add with suggestions, remove, undo.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { live } from './vendor/lit-html/directives/live.js';
import { Problem } from './api.js';
import { icon } from './icons.js';
import { splitTags } from './tag-dialog.js';
import { TagSuggestions } from './tag-suggestions.js';
import { hasTag, plain } from './text.js';

/** @typedef {import('./api.js').Image} Image */

export class TagEditor {
  #app;
  #dialog;
  #typed = '';
  #error = '';
  /** @type {TagSuggestions | null} */
  #suggestions = null;

  /**
   * @param {import('./app.js').App} app
   * @param {import('./image-dialog.js').ImageDialog} dialog
   */
  constructor(app, dialog) {
    this.#app = app;
    this.#dialog = dialog;
  }

  reset() {
    this.#typed = this.#error = '';
    this.#suggestions = null;
  }

  /** @param {Image} image @param {boolean} canEdit */
  template(image, canEdit) {
    this.#suggestions ??= new TagSuggestions(this.#app.api, this.#app.session.seesAll ? image.user_id : '', () => this.#app.update());
    const suggest = (/** @type {Event} */ event) => {
      this.#typed = /** @type {HTMLInputElement} */ (event.target).value;
      this.#suggestions?.typed(this.#typed);
    };
    return html`<section class="tags" aria-labelledby="tags">
      <h2 id="tags">Tags</h2>
      ${image.tags.length > 0 ? html`<ul role="list" class="chips">${image.tags.map(tag => html`<li class="chip">
        ${this.#dialog.isForeign ? html`<bdi>${tag}</bdi>`
          : html`<a href=${this.#app.urlOfTag(tag)} @click=${(/** @type {MouseEvent} */ event) => this.#app.followTag(event, tag)}><bdi>${tag}</bdi></a>`}
        ${canEdit ? html`<button class="icon" aria-label=${`Remove tag ${plain(tag)}`} @click=${() => this.#change(image, 'DELETE', tag)}>${icon('close')}</button>` : nothing}
      </li>`)}</ul>` : canEdit ? nothing : html`<p class="hint">No tags</p>`}
      ${canEdit ? html`<form class="add-tag" @submit=${(/** @type {Event} */ event) => this.#submitted(event, image)}>
        <label class="unseen" for="tag">Add a tag</label>
        <input id="tag" name="tag" list="suggested-tags" placeholder="Add a tag" autocomplete="off" enterkeyhint="done" .value=${live(this.#typed)}
          aria-invalid=${this.#error !== ''} aria-describedby="tag-error" @input=${suggest} @focus=${suggest}>
        ${this.#suggestions.template('suggested-tags')}
        <button>Add</button>
      </form>
      <p id="tag-error" class="error" role="alert">${this.#error}</p>` : nothing}
    </section>`;
  }

  /** The field is empty at once, so that the next tag can be typed. @param {Event} event @param {Image} image */
  async #submitted(event, image) {
    event.preventDefault();
    const typed = this.#typed;
    this.#typed = '';
    this.#app.update();
    for (const tag of splitTags(typed)) {
      if (await this.#change(image, 'PUT', tag)) continue;
      if (this.#dialog.image?.image_id === image.image_id && this.#typed === '') this.#typed = typed;
      return this.#app.update();
    }
  }

  /**
   * @param {Image} image
   * @param {'PUT' | 'DELETE'} method
   * @param {string} tag
   * @param {boolean} [canUndo]
   * @returns {Promise<boolean>} whether it is done
   */
  async #change(image, method, tag, canUndo = true) {
    this.#error = '';
    const isOpen = () => this.#dialog.image?.image_id === image.image_id;
    const name = plain(tag);
    const path = `${image.image_id}/tags/${encodeURIComponent(tag)}/`;
    try {
      let before = isOpen() ? this.#dialog.image?.revision : null;
      let answer;
      try {
        answer = await this.#app.api.send(method, path, { etag: isOpen() ? this.#dialog.etag : null });
      } catch (error) {
        if (!(error instanceof Problem && error.status === 412)) throw error;
        answer = await this.#app.api.send('GET', `${image.image_id}/`);
        before = answer.data.revision;
        // A change of one tag undoes nobody's change, so it does not ask.
        if (hasTag(answer.data.tags, tag) !== (method === 'PUT')) answer = await this.#app.api.send(method, path, { etag: answer.etag });
      }

      const changed = answer.data.revision !== before;
      this.#dialog.put(answer.data, answer.etag);
      const opposite = method === 'PUT' ? 'DELETE' : 'PUT';
      if (!canUndo) this.#app.messages.done(method === 'PUT' ? `Undone: tag ${name} added` : `Undone: tag ${name} removed`);
      else if (changed) this.#app.messages.done(method === 'PUT' ? `Tag ${name} added` : `Tag ${name} removed`, () => this.#change(image, opposite, tag, false));
      else this.#app.messages.done(method === 'PUT' ? `The image has the tag ${name} already` : `The image has no tag ${name} any more`);
      return true;
    } catch (error) {
      const { message } = /** @type {Error} */ (error);
      if (this.#dialog.noteFailure(image.image_id, error)) return false;   // it is said where the image is shown
      if (isOpen()) this.#error = message;
      else this.#app.messages.failed(message);
      this.#app.update();
      return false;
    }
  }
}
