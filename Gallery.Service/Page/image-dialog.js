// One image: the large picture, and everything that is known about it.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { repeat } from './vendor/lit-html/directives/repeat.js';
import { isGone, Problem } from './api.js';
import { confirm } from './confirm.js';
import { ImageForm } from './image-form.js';
import { ImageHistory } from './image-history.js';
import { ImageViews } from './image-views.js';
import { icon } from './icons.js';
import { metadataTree } from './metadata-tree.js';
import { isBroken, markBroken, originalOf } from './pictures.js';
import { openShareDialog } from './share-dialog.js';
import { sharedBy } from './shared-with-me.js';
import { TagEditor } from './tag-editor.js';
import { copy } from './copy.js';
import { calm, clip, daysLeft, formatMoment, nameOf, plural } from './text.js';
import { readView } from './view.js';

/** @typedef {import('./api.js').Image} Image */

/** For a button that leads to the next image: a double click does not act on that one too. @param {() => unknown} act */
const once = act => (/** @type {MouseEvent} */ event) => { if (event.detail < 2) act(); };

/** A held Enter presses a button again and again. @param {KeyboardEvent} event */
const ignoreRepeat = event => { if (event.repeat && event.key === 'Enter') event.preventDefault(); };

export class ImageDialog {
  #app;
  /** @type {string | null} */
  #id = null;
  #place = '';
  /** @type {Image | null} */
  image = null;
  /** @type {string | null} the ETag of the state that is shown */
  etag = null;
  /** @type {import('./api.js').Problem | null} */
  problem = null;
  #isCounted = false;
  /** @type {import('./api.js').Problem | null} why the image is gone, if others took it away since it was listed */
  #gone = null;
  #form;
  #tags;
  #history;
  #views;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
    this.#form = new ImageForm(app, this);
    this.#tags = new TagEditor(app, this);
    this.#history = new ImageHistory(app);
    this.#views = new ImageViews(app);
  }

  /** Shows the image of the view. What the list knows of it appears at once. */
  async show() {
    const { image: id, isShared, isTrash } = this.#app.view;
    const place = `${isTrash} ${isShared} ${id}`;
    if (place === this.#place) return;
    this.#place = place;
    const gone = id !== this.#id && this.#gone ? this.#app.list.find(this.#id ?? '') : null;
    if (id !== this.#id) {
      this.#isCounted = false;
      this.#gone = null;
    }

    this.#id = id;
    this.image = id === null ? null : this.#app.list.find(id);
    this.etag = this.problem = null;
    this.#form.reset();
    this.#tags.reset();
    this.#history.reset();
    this.#views.reset();
    if (gone) this.#takeOut(gone);
    if (id !== null) await this.read();
  }

  /** Reads the image again. */
  async read() {
    const id = this.#id;
    if (id === null) return;
    try {
      const { data, etag } = this.#app.view.isTrash ? await this.#readTrash(id) : await this.#app.api.send('GET', `${id}/`);
      if (id !== this.#id) return;
      this.#correctPlace(data);
      this.put(data, etag);
      if (this.#isOfOther(data) && !this.#isCounted) {
        this.#isCounted = true;
        this.#app.api.count(id, 'views');
      }
    } catch (error) {
      if (id !== this.#id) return;
      this.problem = /** @type {import('./api.js').Problem} */ (error);
      this.noteFailure(id, error);
      this.#app.update();
    }
  }

  /** Shows a newer state of an image, here if it is the open one. @param {Image} image @param {string | null} etag */
  put(image, etag) {
    if (image.image_id !== this.#id) return this.#app.list.put(image);
    if (this.image && this.image.revision > image.revision) return;   // an older answer came later
    this.image = image;
    this.etag = etag;
    this.problem = null;
    this.#gone = null;
    this.#app.list.put(image);
    this.#history.forget();
    this.#app.filters.forget();
    this.#app.update();
  }

  /**
   * If somebody deleted the image meanwhile, it says so, and the list loses it when the person leaves it.
   * @param {string} id
   * @param {unknown} error
   * @returns {boolean} whether it is so, and the image is open
   */
  noteFailure(id, error) {
    if (id !== this.#id || !(error instanceof Problem) || !isGone(error.code)) return false;
    this.#gone = error;
    this.#app.update();
    return true;
  }

  /** @param {Image} image */
  #takeOut(image) {
    this.#app.removeFromList(new Set([image.image_id]));
    this.#app.messages.done(`${nameOf(image)} is not there any more. It was taken out of the list.`);
  }

  /** Whether the person may leave the image: nothing is unsaved, or may be lost. */
  async confirmLeave() {
    return !this.#form.isChanged || confirm({ question: 'Leave without saving?', text: 'Your changes to this image would be lost.', action: 'Discard changes' });
  }

  get hasUnsaved() {
    return this.#id !== null && this.#form.isChanged;
  }

  /** Whether the image belongs to somebody else, who shares it. Then the person may not delete or share it, or see its history. */
  get isForeign() {
    return this.#app.view.isShared;
  }

  /** Whether the signed-in user is a guest of the image. Only their views count. @param {Image} image */
  #isOfOther({ user_id: owner }) {
    const { session } = this.#app;
    return session.kind === 'user' && owner !== session.userId;
  }

  /** @param {Image} image */
  #mayEdit(image) {
    return image.deleted_at === null && this.#gone === null && (!this.isForeign || this.#app.list.roleOf(image.image_id) === 'edit');
  }

  /** @param {number} step 1: the next image, -1: the previous one */
  async step(step) {
    const { list } = this.#app;
    const from = list.indexOf(this.#id ?? '');
    if (from < 0) return;
    const index = from + step;
    const id = this.#id;
    const more = index >= list.images.length - 3 ? list.more() : null;
    if (!list.images[index]) await more;
    const next = list.images[index];
    if (next && id === this.#id && (await this.confirmLeave())) {
      this.#form.reset();
      this.#app.open(next.image_id);
    }
  }

  /** @param {Image} image */
  #countDownload(image) {
    if (this.#isOfOther(image)) this.#app.api.count(image.image_id, 'downloads');
  }

  /** @param {Image} image */
  async #delete(image) {
    if (await this.confirmLeave()) await this.#app.actions.delete([image.image_id]);
  }

  async close() {
    if (await this.confirmLeave()) {
      this.discard();
      this.#app.closeImage();
    }
  }

  /** Forgets the unsaved changes. */
  discard() {
    this.#form.reset();
  }

  template() {
    if (this.#id === null) return nothing;
    const { list, settings, messages } = this.#app;
    const index = list.indexOf(this.#id);
    const name = this.image ? nameOf(this.image) : 'Image';
    const original = this.image && originalOf(this.image, settings.is_demo);
    return html`<dialog class="image" tabindex="-1" aria-label=${name} @cancel=${this.#cancelled} @keydown=${this.#pressed}>
      <div class="picture">
        ${this.image === null || original === null ? nothing
          : isBroken(original) ? html`<p class="words" dir="auto">${calm(this.image.refined_prompt ?? 'This picture does not load.')}</p>`
          : repeat([original], url => url, url => this.#picture(url))}
        ${index > 0 ? html`<button class="icon step previous" aria-label="Previous image" title="Previous (←)" @click=${() => this.step(-1)}>${icon('back')}</button>` : nothing}
        ${index >= 0 && (index < list.images.length - 1 || !list.isComplete) ? html`<button class="icon step next" aria-label="Next image" title="Next (→)" @click=${() => this.step(1)}>${icon('forward')}</button>` : nothing}
      </div>
      <div class="details">
        <div class="bar">
          <button class="icon" aria-label="Close" title="Close (Esc)" autofocus @click=${() => this.close()}>${icon('close')}</button>
          ${this.image ? this.#buttons(this.image) : nothing}
        </div>
        ${this.problem ? this.#failure(this.problem) : this.image ? this.#about(this.image) : html`<p class="hint" role="status">Loading the image …</p>`}
      </div>
      ${messages.template()}
    </dialog>`;
  }

  /** A new element for each picture, because a browser shows the old one until the new one is there. @param {string} url */
  #picture(url) {
    return html`<img src=${url} alt=${clip(this.image?.refined_prompt ?? 'Picture without a prompt', 1000)} @error=${() => { markBroken(url); this.#app.update(); }}>`;
  }

  /** @param {Image} image */
  #buttons(image) {
    const { settings } = this.#app;
    return html`
      <a class="button icon" href=${originalOf(image, settings.is_demo)} target="_blank" rel="noopener noreferrer" aria-label="Open the original" title="Open the original"
        @click=${() => this.#countDownload(image)} @auxclick=${(/** @type {MouseEvent} */ event) => { if (event.button === 1) this.#countDownload(image); }}>${icon('link')}</a>
      ${image.deleted_at === null && !this.isForeign && !this.#gone ? html`
        <button class="icon" aria-label="Share" title="Share" @click=${() => openShareDialog(this.#app, image)}>${icon('share')}</button>
        <button class="icon" aria-label="Delete" title="Delete" @keydown=${ignoreRepeat} @click=${once(() => this.#delete(image))}>${icon('trash')}</button>` : nothing}`;
  }

  /** @param {Image} image */
  #about(image) {
    const { session } = this.#app;
    const mayEdit = this.#mayEdit(image);
    const size = image.width && image.height ? `${image.width} × ${image.height}` : '';
    return html`
      ${this.#gone ? this.#failure(this.#gone) : image.deleted_at === null ? nothing : this.#inTrash(image)}
      ${this.isForeign ? sharedBy(this.#app, image) : nothing}
      ${this.#form.template(image, mayEdit)}
      ${this.#tags.template(image, mayEdit && this.etag !== null)}
      <section aria-labelledby="facts">
        <h2 id="facts">About</h2>
        <dl>
          <dt>Created</dt><dd><time datetime=${image.created_at}>${formatMoment(image.created_at)}</time></dd>
          ${image.updated_at === image.created_at ? nothing : html`<dt>Changed</dt><dd><time datetime=${image.updated_at}>${formatMoment(image.updated_at)}</time></dd>`}
          ${size || image.format ? html`<dt>Picture</dt><dd>${[size, image.format].filter(Boolean).join(', ')}</dd>` : nothing}
          ${session.seesAll ? html`<dt>User</dt><dd><bdi>${image.user_id}</bdi></dd>` : nothing}
          <dt>Id</dt><dd class="id">${image.image_id} <button class="icon" aria-label="Copy the id" title="Copy the id" @click=${() => copy(image.image_id, 'Id copied', this.#app.messages)}>${icon('copy')}</button></dd>
        </dl>
      </section>
      ${metadataTree(image.metadata ?? {})}
      ${this.isForeign || image.deleted_at !== null ? nothing : this.#views.template(image.image_id)}
      ${this.isForeign ? nothing : this.#history.template(image.image_id)}`;
  }

  /** @param {Image} image */
  #inTrash(image) {
    const { actions, mayPurge } = this.#app;
    const ids = [image.image_id];
    const left = daysLeft(image.purge_at);
    return html`<div class="notice">
      <p>In the trash since ${formatMoment(image.deleted_at ?? '')}. ${left === null ? '' : left === 0 ? 'This is its last day.' : `${plural(left, 'day')} left.`}</p>
      <button @keydown=${ignoreRepeat} @click=${once(() => actions.restore(ids))}>${icon('restore')} Restore</button>
      ${mayPurge ? html`<button class="danger" @click=${() => actions.purge(ids)}>Delete permanently</button>` : nothing}
    </div>`;
  }

  /** @param {import('./api.js').Problem} problem */
  #failure(problem) {
    return html`<div class="notice" role="alert">
      <p>${problem.message}${this.#form.isChanged ? ' Your changes are not saved.' : ''}</p>
      ${problem.code === 'image_deleted' ? html`<button @click=${() => this.#restore()}>${icon('restore')} Restore</button>
          <button @click=${() => this.#showInTrash()}>Show it in the trash</button>`
        : isGone(problem.code) ? nothing : html`<button @click=${() => this.read()}>Try again</button>`}
    </div>`;
  }

  /** Here, not by the actions: the image stays open, and what was typed stays with it. */
  async #restore() {
    const id = this.#id ?? '';
    try {
      const { data, etag } = await this.#app.api.send('POST', `${id}/restore/`);
      this.put(data, etag);
      this.#app.messages.done('Image restored');
    } catch (error) {
      if (!this.noteFailure(id, error)) this.#app.messages.failed(`The image was not restored. ${/** @type {Error} */ (error).message}`);
    }
  }

  async #showInTrash() {
    if (!(await this.confirmLeave())) return;
    this.#form.reset();
    this.#app.go({ ...this.#app.view, isTrash: true });
  }

  #cancelled = (/** @type {Event} */ event) => {
    event.preventDefault();   // the Back gesture of phones. The dialog leaves with the view, because the view is what shows it
    if (!document.querySelector('dialog.ask')) this.close();
  };

  #pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === 'Escape') {
      event.preventDefault();
      this.close();
      return;
    }

    const isTyping = /** @type {HTMLElement} */ (event.target).closest('input, textarea, select');
    if (isTyping || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowLeft') this.step(-1);
    else if (event.key === 'ArrowRight') this.step(1);
    else if (event.key === 'Delete' && !event.repeat && this.image?.deleted_at === null && !this.isForeign) this.#delete(this.image);
    else return;
    event.preventDefault();
  };

  /** An image in the trash is found only in its list. @param {string} id */
  async #readTrash(id) {
    const { data } = await this.#app.api.send('GET', 'deleted/', { query: new URLSearchParams({ ids: id }) });
    if (data.length > 0) return { data: data[0], etag: null };
    const answer = await this.#app.api.send('GET', `${id}/`);   // a live image, or the right error
    this.#correct(id, { isTrash: false });
    return answer;
  }

  /** An image of somebody else is found only under "Shared with me", with what the person may do. Users' own images are not there. @param {Image} image */
  #correctPlace(image) {
    const { list, session, view } = this.#app;
    if (session.kind !== 'user') return;
    const id = image.image_id;
    const isShared = this.#isOfOther(image);
    if (isShared !== view.isShared) this.#correct(id, { ...readView(''), isShared });
    else if (isShared) list.seek(id);
  }

  /** The URL named the wrong place of an image. @param {string} id @param {Partial<import('./view.js').View>} change */
  #correct(id, change) {
    queueMicrotask(() => {
      if (id === this.#app.view.image) this.#app.go({ ...this.#app.view, ...change, image: id }, { isCorrection: true });
    });
  }
}
