// Edits of the prompt and the intent. An edit names the state that was shown (If-Match), so nobody's change of the same field is lost.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { live } from './vendor/lit-html/directives/live.js';
import { Problem } from './api.js';
import { chooseVersion } from './conflict.js';
import { copy } from './copy.js';
import { icon } from './icons.js';
import { calm } from './text.js';

/** @typedef {import('./api.js').Image} Image */
/** @typedef {{ refined_prompt?: string | null, intent?: string | null }} Draft the fields that were typed into */

export class ImageForm {
  #app;
  #dialog;
  /** @type {Draft} a new object after each reset */
  #draft = {};
  /** @type {Image | null} the image as it was when the draft was begun */
  #base = null;
  #isSaving = false;

  /**
   * @param {import('./app.js').App} app
   * @param {import('./image-dialog.js').ImageDialog} dialog
   */
  constructor(app, dialog) {
    this.#app = app;
    this.#dialog = dialog;
  }

  get isChanged() {
    const { image } = this.#dialog;
    return image !== null && Object.keys(this.#changes(image)).length > 0;
  }

  reset() {
    this.#draft = {};
    this.#base = null;
    this.#isSaving = false;
  }

  /** @param {Image} image @param {boolean} canEdit */
  template(image, canEdit) {
    const shown = { ...image, ...this.#draft };
    const prompt = this.#draft.refined_prompt === undefined ? calm(image.refined_prompt ?? '') : shown.refined_prompt ?? '';
    const isCut = this.#draft.refined_prompt === undefined && prompt !== (image.refined_prompt ?? '');
    const isReady = canEdit && this.#dialog.etag !== null && !this.#isSaving;
    return html`<form class="image-form" @submit=${this.#submitted} @keydown=${this.#pressed}>
      <div class="label"><label for="prompt">Prompt</label>
        ${image.refined_prompt ? html`<button type="button" class="icon" aria-label="Copy the prompt" title="Copy the prompt"
          @click=${() => copy(image.refined_prompt ?? '', 'Prompt copied', this.#app.messages)}>${icon('copy')}</button>` : nothing}</div>
      <textarea id="prompt" dir="auto" rows="5" maxlength="16384" placeholder="No prompt" ?readonly=${!isReady || isCut} aria-describedby=${isCut ? 'prompt-hint' : nothing} .value=${live(prompt)} @input=${this.#typed('refined_prompt')}></textarea>
      ${isCut ? html`<p id="prompt-hint" class="hint">A letter of this prompt has hundreds of marks, which browsers cannot show. So the prompt is shortened here. Copy it to edit it elsewhere.</p>` : nothing}
      <label for="intent">Intent</label>
      <input id="intent" dir="auto" maxlength="100" placeholder="No intent" autocomplete="off" ?readonly=${!isReady} .value=${live(shown.intent ?? '')} @input=${this.#typed('intent')}>
      ${this.isChanged ? html`<div class="buttons">
        <button type="button" ?disabled=${this.#isSaving} @click=${() => { this.reset(); this.#app.update(); }}>Discard changes</button>
        <button class="primary" ?disabled=${!isReady} title="Save (Ctrl+Enter)">${this.#isSaving ? 'Saving …' : 'Save'}</button>
      </div>` : nothing}
    </form>`;
  }

  /** @param {'refined_prompt' | 'intent'} field */
  #typed = field => (/** @type {Event} */ event) => {
    const text = /** @type {HTMLInputElement} */ (event.target).value;
    this.#draft[field] = text === '' ? null : text;
    this.#base ??= this.#dialog.image;
    this.#app.update();
  };

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.#submitted(event);
  };

  #submitted = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (this.isChanged && !this.#isSaving) this.#save();
  };

  /** @returns {Promise<void>} */
  async #save() {
    const { image, etag } = this.#dialog;
    if (image === null) return;
    const draft = this.#draft;   // a late answer must not touch a newer one
    const changes = this.#changes(image);
    const before = Object.fromEntries(Object.keys(changes).map(field => [field, image[/** @type {keyof Draft} */ (field)]]));
    this.#isSaving = true;
    this.#app.update();
    try {
      if (this.#isContested(image, changes)) return await this.#resolve(changes, image);
      const saved = await this.#app.api.send('PATCH', `${image.image_id}/`, { body: changes, etag });
      if (this.#draft === draft) this.reset();
      this.#dialog.put(saved.data, saved.etag);
      this.#app.messages.done('Image saved', () => this.#undo(saved.data, saved.etag, before));
    } catch (error) {
      if (this.#dialog.noteFailure(image.image_id, error)) return;   // it is said where the image is shown
      if (error instanceof Problem && error.status === 412 && this.#draft === draft) await this.#resolve(changes, image);
      else this.#app.messages.failed(`The image was not saved. ${/** @type {Error} */ (error).message}`);
    } finally {
      if (this.#draft === draft) this.#isSaving = false;
      this.#app.update();
    }
  }

  /** Whether somebody changed one of the same fields since the draft was begun. @param {Image} image @param {Draft} changes */
  #isContested(image, changes) {
    const base = this.#base;
    return base !== null && /** @type {(keyof Draft)[]} */ (Object.keys(changes)).some(field => base[field] !== image[field]);
  }

  /**
   * The image changed meanwhile. The person is asked only if somebody changed the same field.
   * @param {Draft} changes
   * @param {Image} sent the state that the edit named
   * @returns {Promise<void>}
   */
  async #resolve(changes, sent) {
    const [draft, shown] = [this.#draft, this.#base];
    await this.#dialog.read();
    const current = this.#dialog.image;
    if (this.#draft !== draft || shown === null || current === null || this.#dialog.problem !== null) return;
    if (!this.isChanged) {   // the edit was saved, and its answer was lost
      this.reset();
      this.#app.messages.done('Image saved');
      return;
    }

    if (!this.#isContested(current, this.#changes(current))) {
      if (current.revision > sent.revision) return this.#save();
      // The newer state did not arrive yet, or a proxy has weakened the ETag. Without this, it would be sent for ever.
      return this.#app.messages.failed('The image was not saved, because it has just changed. Save it again.');
    }

    const choice = await chooseVersion(shown, current, changes);
    if (this.#draft !== draft) return;   // the browser's Back button left the image meanwhile
    this.#base = current;   // do not ask twice
    if (choice === 'theirs') this.reset();
    this.#app.update();
    if (choice === 'mine' && this.isChanged) await this.#save();
  }

  /** A change of something else since then does not hinder it. @param {Image} saved @param {string | null} etag @param {Draft} before */
  async #undo(saved, etag, before) {
    const path = `${saved.image_id}/`;
    try {
      const undone = await this.#app.api.send('PATCH', path, { body: before, etag }).catch(async error => {
        if (!(error instanceof Problem && error.status === 412)) throw error;
        const current = await this.#app.api.send('GET', path);
        if (/** @type {(keyof Draft)[]} */ (Object.keys(before)).some(field => current.data[field] !== saved[field])) throw error;
        return this.#app.api.send('PATCH', path, { body: before, etag: current.etag });
      });
      this.#dialog.put(undone.data, undone.etag);
      this.#app.messages.done('Edit undone');
    } catch (error) {
      const isStale = error instanceof Problem && error.status === 412;
      this.#app.messages.failed(isStale ? 'Not undone, because the image has changed since.' : `Not undone. ${/** @type {Error} */ (error).message}`);
    }
  }

  /** What differs from the image. Clearing an empty field is not a change. @param {Image} image @returns {Draft} */
  #changes(image) {
    return Object.fromEntries(Object.entries(this.#draft).filter(([field, value]) => (image[/** @type {keyof Draft} */ (field)] || null) !== value));
  }
}
