// The images that are selected, and the bar that shows what can be done with them.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { icon } from './icons.js';
import { number, plural } from './text.js';

export class Selection {
  #changed;
  /** @type {string | null} where a range starts */
  #anchor = null;
  /** @type {Set<string>} */
  ids = new Set();

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {string} id */
  toggle(id) {
    if (!this.ids.delete(id)) this.ids.add(id);
    this.#anchor = id;
    this.#changed();
  }

  /**
   * Selects everything from the image selected last to this one.
   * @param {string} id
   * @param {{ image_id: string }[]} images in the order shown
   */
  extend(id, images) {
    const from = images.findIndex(image => image.image_id === this.#anchor);
    const to = images.findIndex(image => image.image_id === id);
    if (from < 0 || to < 0) this.#anchor = id;
    for (const image of images.slice(Math.min(from < 0 ? to : from, to), Math.max(from, to) + 1)) this.ids.add(image.image_id);
    this.#changed();
  }

  /** @param {{ image_id: string }[]} images */
  all(images) {
    this.ids = new Set(images.map(image => image.image_id));
    this.#changed();
  }

  /** @param {Iterable<string>} ids */
  remove(ids) {
    for (const id of ids) this.ids.delete(id);
    this.#changed();
  }

  clear() {
    this.ids = new Set();
    this.#anchor = null;
    this.#changed();
  }
}

/** All that is loaded is selected by one key, and may be less than all that there is. @param {import('./app.js').App} app */
export function selectedText({ selection: { ids }, list }) {
  const selected = `${plural(ids.size, 'image')} selected`;
  if (list.isComplete || ids.size < list.images.length) return selected;
  return typeof list.count === 'number' ? `${number.format(ids.size)} of ${number.format(list.count)} selected` : `${selected}, those loaded so far`;
}

/** @param {import('./app.js').App} app */
export function selectionBar(app) {
  const { selection, actions, view } = app;
  if (actions.progress) {
    const { text, done, total } = actions.progress;
    return html`<div class="selection-bar" role="region" aria-label="Progress">
      <p>${text} ${done} of ${total}</p>
      <progress aria-label=${text} max=${total} value=${done}></progress>
    </div>`;
  }

  if (selection.ids.size === 0) return nothing;
  const ids = () => [...selection.ids];
  return html`<div class="selection-bar" role="region" aria-label="Selection">
    <button class="icon" aria-label="Clear the selection" title="Clear the selection (Esc)" @click=${() => selection.clear()}>${icon('close')}</button>
    <p>${selectedText(app)}</p>
    ${view.isTrash
      ? html`<button @click=${() => actions.restore(ids())}>${icon('restore')} Restore</button>
        ${app.mayPurge ? html`<button class="danger" @click=${() => actions.purge(ids())}>${icon('trash')} Delete permanently</button>` : nothing}`
      : html`<button @click=${() => actions.askForTags(ids())}>${icon('tag')} Tag</button>
        <button @click=${() => actions.delete(ids())}>${icon('trash')} Delete</button>`}
  </div>`;
}
