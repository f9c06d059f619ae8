// Puts the page together: reads the URL, asks the API, and renders what changed.

import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { Actions } from './actions.js';
import { Api } from './api.js';
import { Filters } from './filters.js';
import { Grid } from './grid.js';
import { icon } from './icons.js';
import { ImageDialog } from './image-dialog.js';
import { ImageList } from './image-list.js';
import { Messages } from './messages.js';
import { forgetBroken } from './pictures.js';
import { Selection, selectedText, selectionBar } from './selection.js';
import { Session } from './session.js';
import { sharedNotice } from './shared-with-me.js';
import { SignIn } from './sign-in.js';
import { listState } from './list-state.js';
import { formatMonth, nameOf, plural } from './text.js';
import { trashNotice } from './trash.js';
import { readView, urlOf } from './view.js';

/** @typedef {import('./view.js').View} View */

export class App {
  #root;
  #isWaiting = false;
  #isClosing = false;
  #listUrl = '';
  #identity = '';
  /** @type {string | null} the label of the button that had the focus and is gone */
  #lostButton = null;
  #signIn = new SignIn(this);

  /**
   * @param {import('./session.js').Settings} settings
   * @param {HTMLElement} root
   */
  constructor(settings, root) {
    this.#root = root;
    this.settings = settings;
    this.session = new Session(settings, () => this.#signedInOrOut());
    this.api = new Api(this.session);
    this.view = readView(location.search);
    this.list = new ImageList(this.api, () => this.update());
    this.selection = new Selection(() => this.update());
    this.messages = new Messages(() => this.update());
    this.actions = new Actions(this);
    this.filters = new Filters(this);
    this.grid = new Grid(this);
    this.dialog = new ImageDialog(this);
    history.scrollRestoration = 'manual';
    window.addEventListener('popstate', () => this.#wentBack());
    window.addEventListener('online', () => { forgetBroken(); this.update(); });
    window.addEventListener('beforeunload', event => { if (this.dialog.hasUnsaved) event.preventDefault(); });
    document.addEventListener('keydown', event => this.#pressed(event));
  }

  get mayPurge() {
    return this.session.kind !== 'user' || this.settings.users_may_purge;
  }

  async start() {
    await this.session.takeLink();
    this.view = readView(location.search);
    this.#identity = `${this.session.kind} ${this.session.email}`;
    this.#begin();
  }

  #begin() {
    this.render();
    if (this.session.kind !== 'nobody') this.#show();
  }

  /**
   * Shows another view. A refinement replaces the last one in the history, so that typing makes one entry.
   * @param {View} view
   * @param {{ isRefinement?: boolean, isCorrection?: boolean }} [how] a correction replaces the entry in any case
   */
  go(view, { isRefinement = false, isCorrection = false } = {}) {
    const replaces = isCorrection || isRefinement && (history.state?.isRefinement || urlOf(view) === urlOf(this.view));
    history[replaces ? 'replaceState' : 'pushState']({ ...(replaces ? history.state : {}), isRefinement }, '', urlOf(view));
    this.view = view;
    this.#show();
  }

  /** Opens an image above the list. @param {string} id */
  open(id) {
    const isStep = this.view.image !== null;
    const view = { ...this.view, image: id };
    history[isStep ? 'replaceState' : 'pushState'](isStep ? history.state : { isAboveList: true }, '', urlOf(view));
    this.view = view;
    this.#show();
  }

  closeImage() {
    if (this.#isClosing) return;
    this.#isClosing = Boolean(history.state?.isAboveList);
    if (this.#isClosing) history.back();
    else this.go({ ...this.view, image: null }, { isRefinement: true });
  }

  /** @param {string} tag */
  urlOfTag(tag) {
    return urlOf({ ...readView(''), tags: [tag] });
  }

  /** @param {MouseEvent} event @param {string} tag */
  async followTag(event, tag) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (await this.dialog.confirmLeave()) this.go({ ...readView(''), tags: [tag] });
  }

  /** The URL of the list, without the open image. */
  get place() {
    return urlOf({ ...this.view, image: null });
  }

  /** Shows the next image, or moves the focus to it. @param {Set<string>} ids */
  removeFromList(ids) {
    const { image } = this.view;
    const isFocusHere = document.activeElement === document.body || Boolean(document.activeElement?.closest('.grid, .selection-bar, dialog.image'));
    const focused = image ?? /** @type {HTMLElement | null} */ (document.activeElement?.closest('.tile'))?.dataset.id ?? [...ids][0];
    const next = this.list.images.slice(Math.max(0, this.list.indexOf(focused))).find(other => !ids.has(other.image_id)) ?? this.list.images.findLast(other => !ids.has(other.image_id));
    this.list.remove(ids);
    this.selection.remove(ids);
    this.filters.forget();
    if (image === null && isFocusHere) this.grid.focus(next?.image_id ?? null);
    else if (image !== null && ids.has(image)) {
      if (next) this.open(next.image_id);
      else {
        this.dialog.discard();   // or it would ask again
        this.closeImage();
      }
    }
  }

  /** Reads the list again. */
  async reload() {
    this.filters.forget();
    this.selection.clear();
    await this.list.show(this.view);
  }

  /** Renders before the next frame. */
  update() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    requestAnimationFrame(() => {
      this.#isWaiting = false;
      this.render();
    });
  }

  render() {
    const { session, view, dialog } = this;
    const button = document.activeElement?.closest('.selection-bar, .messages, main .notice') ? labelOf(document.activeElement) : null;
    document.title = session.kind !== 'nobody' && view.image && dialog.image ? `${nameOf(dialog.image)} – Gallery` : placeOf(view) === 'Images' ? 'Gallery' : `${placeOf(view)} – Gallery`;
    render(session.kind === 'nobody' ? this.#signIn.template() : this.#template(), this.#root);
    const open = /** @type {HTMLDialogElement | null} */ (document.querySelector('dialog.image'));
    if (open && !open.open) open.showModal();
    if (open && document.activeElement === document.body) open.focus();   // the focused button may be gone, and keys belong to the dialog
    this.#keepFocus(button);
    this.grid.rendered();
  }

  /** A button gives way to the progress. When that is over, the focus returns to the button, or to an image. @param {string | null} button what had the focus before */
  #keepFocus(button) {
    if (document.activeElement !== document.body) this.#lostButton = null;
    else this.#lostButton = button ?? this.#lostButton;
    if (this.#lostButton === null || this.actions.progress) return;
    const buttons = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('.selection-bar button, main .notice button')]);
    const target = buttons.find(other => labelOf(other) === this.#lostButton)
      ?? /** @type {HTMLElement | null} */ (document.querySelector('.tile a[tabindex="0"]') ?? document.querySelector('.tile a'));
    target?.focus({ preventScroll: true });   // a person may have scrolled elsewhere
  }

  #template() {
    const { filters, grid, list, messages, session, view } = this;
    const link = (/** @type {keyof typeof icons} */ name, /** @type {Partial<View>} */ place) => {
      const target = { ...readView(''), ...place };
      return html`<a href=${urlOf(target)} aria-current=${placeOf(view) === name ? 'page' : nothing}
        @click=${(/** @type {MouseEvent} */ event) => this.#follow(event, target)}>${icon(icons[name])} ${name}</a>`;
    };
    const { first } = grid;
    return html`
      <header>
        <nav aria-label="Places">${link('Images', {})}${session.kind === 'user' ? link('Shared with me', { isShared: true }) : nothing}${link('Trash', { isTrash: true })}</nav>
        ${view.isShared ? nothing : filters.search()}
        ${session.kind === 'open' ? nothing : html`<span class="hint email">${session.email}</span><button class="plain" @click=${() => session.signOut()}>Sign out</button>`}
        ${list.images.length > 0 && !view.isShared ? html`<p class="where"><span>${list.count === null ? '' : typeof list.count === 'number' ? plural(list.count, 'image') : 'More than 10,000 images'}</span>
          <span>${first && !view.isTrash ? formatMonth(first.created_at) : ''}</span></p>` : nothing}
      </header>
      <main>
        <h1 class="unseen">${placeOf(view)}</h1>
        ${view.isShared ? sharedNotice(this) : filters.panel()}
        ${trashNotice(this)}
        ${grid.template()}
        ${listState(this)}
      </main>
      <p class="unseen" role="status">${this.selection.ids.size > 0 ? selectedText(this) : ''}</p>
      ${selectionBar(this)}
      ${view.image === null ? messages.template() : nothing}
      ${this.dialog.template()}`;
  }

  #show() {
    if (this.session.kind === 'nobody') return;
    if (this.view.isShared && this.session.kind !== 'user') return this.go({ ...this.view, isShared: false }, { isCorrection: true });   // nothing is shared with a service key
    if (this.place !== this.#listUrl) {
      this.#listUrl = this.place;
      this.filters.forgetWords();
      this.selection.clear();
      this.list.show(this.view);
      window.scrollTo(0, 0);
    }

    this.dialog.show();
    this.update();
  }

  async #wentBack() {
    this.#isClosing = false;
    const view = readView(location.search);
    const before = this.view.image;
    if (this.dialog.hasUnsaved) {
      history.pushState({ isAboveList: true }, '', urlOf(this.view));
      if (!(await this.dialog.confirmLeave())) return;
      history.replaceState(null, '', urlOf(view));
    }

    this.view = view;
    this.#show();
    if (before !== null && view.image === null) {
      this.render();
      this.grid.focus(before);
    }
  }

  #signedInOrOut() {
    this.#listUrl = '';
    this.list = new ImageList(this.api, () => this.update());
    this.selection.clear();
    this.filters.forget();
    const who = `${this.session.kind} ${this.session.email}`;
    if (who === this.#identity) this.dialog.read();   // the draft survives signing in again
    else if (this.session.kind !== 'nobody') {
      [this.#identity, this.dialog, this.actions, this.filters] = [who, new ImageDialog(this), new Actions(this), new Filters(this)];
      this.messages.forget();
    }

    this.#begin();
  }

  /** @param {MouseEvent} event @param {View} view */
  #follow(event, view) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.go(view);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.defaultPrevented || target.closest('input, textarea, select')) return;
    if ((event.ctrlKey || event.metaKey) && event.key === 'z') this.messages.undo();
    else if (document.querySelector('dialog[open]') || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === '/') /** @type {HTMLElement | null} */ (document.querySelector('input[type=search]'))?.focus();
    else if (event.key === 'Escape' && this.selection.ids.size > 0) this.selection.clear();
    else if (event.key.startsWith('Arrow') && target === document.body) this.grid.focus(this.grid.first?.image_id ?? null);
    else return;
    event.preventDefault();
  }
}

const icons = /** @type {const} */ ({ Images: 'images', 'Shared with me': 'people', Trash: 'trash' });

/** @param {View} view @returns {keyof typeof icons} */
const placeOf = view => (view.isTrash ? 'Trash' : view.isShared ? 'Shared with me' : 'Images');

/** @param {Element} button */
const labelOf = button => button.ariaLabel ?? button.textContent.trim();

const root = /** @type {HTMLElement} */ (document.getElementById('app'));
root.replaceChildren();
const settings = await fetch('page/settings.json').then(answer => (answer.ok ? answer.json() : null)).catch(() => null);
if (settings) new App(settings, root).start();
else {
  render(html`<main class="sign-in"><h1>Gallery</h1><p role="alert">Gallery does not answer.</p><button @click=${() => location.reload()}>Try again</button></main>`, root);
}
