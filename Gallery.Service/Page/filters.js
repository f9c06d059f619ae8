// The search box and the filters of the list.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { live } from './vendor/lit-html/directives/live.js';
import { isAbort } from './api.js';
import { icon } from './icons.js';
import { hasTag } from './text.js';
import { filtersOf, firstDay, hasFilters, lastDay, validDay, withoutFilters } from './view.js';

/** @typedef {{ value: string, count: number }} Facet */

const pause = 300;   // milliseconds without a key before a search
const tagsShown = 30;

export class Filters {
  #app;
  #timer = 0;
  /** @type {string | null} what was typed into the search box, until the search begins */
  #words = null;
  #isOpen = false;
  #stop = new AbortController();
  /** @type {string | null} the query that the facets are of */
  #facetQuery = null;
  /** @type {{ tags: Facet[], intents: Facet[] } | null} null: not counted yet, or that failed */
  #facets = null;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Counts again, because images changed. */
  forget() {
    this.#facetQuery = null;
  }

  /** Searches no more for what was typed, because another list shows. */
  forgetWords() {
    clearTimeout(this.#timer);
    this.#words = null;
  }

  search() {
    const { view } = this.#app;
    return html`<form class="search" role="search" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label class="box">${icon('search')}<span class="unseen">Search prompts</span>
        <input type="search" dir="auto" placeholder="Search prompts" maxlength="256" autocomplete="off" .value=${live(this.#words ?? view.q)} @input=${this.#typed}></label>
      <button type="button" class=${hasFilters({ ...view, q: '' }) ? 'icon on' : 'icon'} aria-expanded=${this.#isOpen} aria-controls="filters" aria-label="Filters" title="Filters" @click=${this.#toggle}>${icon('filter')}</button>
    </form>`;
  }

  panel() {
    const { view, session } = this.#app;
    if (this.#isOpen) this.#loadFacets();
    return html`<section id="filters" class="filters" aria-label="Filters" ?hidden=${!this.#isOpen}>
      ${this.#isOpen ? html`
        <div class="fields">
          <label>Intent <select @change=${(/** @type {Event} */ event) => this.#set({ intent: valueOf(event) })}>
            <option value="" .selected=${live(!view.intent)}>Any</option>
            ${this.#intents().map(intent => html`<option value=${intent} .selected=${live(intent === view.intent)}>${intent}</option>`)}
          </select></label>
          <label>From <input type="date" min=${firstDay} max=${view.to || lastDay} .value=${view.from} @change=${(/** @type {Event} */ event) => this.#setDay('from', event)}></label>
          <label>To <input type="date" min=${view.from || firstDay} max=${lastDay} .value=${view.to} @change=${(/** @type {Event} */ event) => this.#setDay('to', event)}></label>
          ${session.seesAll ? html`<label>User <input .value=${view.user} maxlength="255" autocomplete="off" placeholder="Everyone" @change=${(/** @type {Event} */ event) => this.#set({ user: valueOf(event).trim() })}></label>` : nothing}
        </div>
        ${this.#tags()}` : nothing}
    </section>
    ${this.#chosen()}`;
  }

  /** What narrows the list, each with a button that removes it. */
  #chosen() {
    const { view } = this.#app;
    /** @type {[string, Partial<import('./view.js').View>][]} */
    const chips = [
      ...view.tags.map(tag => /** @type {[string, object]} */ ([`Tag: ${tag}`, { tags: view.tags.filter(other => other !== tag) }])),
      ...(view.intent ? [/** @type {[string, object]} */ ([`Intent: ${view.intent}`, { intent: '' }])] : []),
      ...(view.from ? [/** @type {[string, object]} */ ([`From ${view.from}`, { from: '' }])] : []),
      ...(view.to ? [/** @type {[string, object]} */ ([`To ${view.to}`, { to: '' }])] : []),
      ...(view.user ? [/** @type {[string, object]} */ ([`User: ${view.user}`, { user: '' }])] : []),
    ];
    return chips.length === 0 ? nothing : html`<div class="chips" role="group" aria-label="Filters in use">
      ${chips.map(([text, change]) => html`<button class="chip" aria-label=${`Remove filter ${text}`} @click=${() => this.#set(change)}>${text} ${icon('close')}</button>`)}
      <button class="plain" @click=${() => this.#app.go(withoutFilters(view))}>Clear filters</button>
    </div>`;
  }

  #tags() {
    const { view } = this.#app;
    const tags = this.#facets?.tags.slice(0, tagsShown) ?? [];
    return tags.length === 0 ? nothing : html`<div class="chips" role="group" aria-label="Tags">
      ${tags.map(({ value, count }) => {
        const isOn = hasTag(view.tags, value);
        return html`<button class="chip" aria-pressed=${isOn}
          @click=${() => this.#set({ tags: isOn ? view.tags.filter(tag => !hasTag([value], tag)) : [...view.tags, value] })}>${value} <span class="count">${count}</span></button>`;
      })}
    </div>`;
  }

  #intents() {
    const known = this.#facets?.intents.map(facet => facet.value).filter(Boolean) ?? [];   // images without an intent are counted too
    const { intent } = this.#app.view;
    return intent && !known.includes(intent) ? [intent, ...known] : known;
  }

  #typed = (/** @type {Event} */ event) => {
    const q = this.#words = valueOf(event);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#words = null;
      this.#app.go({ ...this.#app.view, q }, { isRefinement: true });
    }, pause);
  };

  #toggle = () => {
    this.#isOpen = !this.#isOpen;
    if (this.#facets === null) this.forget();
    this.#app.update();
  };

  /** While a year is typed, it is 0002, then 0020, then 0202. @param {'from' | 'to'} field @param {Event} event */
  #setDay(field, event) {
    const { validity } = /** @type {HTMLInputElement} */ (event.target);
    if (validity.rangeUnderflow || validity.rangeOverflow) return;   // the browser marks it
    const day = valueOf(event);
    if (day === '' || validDay(day)) this.#set({ [field]: day });
  }

  /** @param {Partial<import('./view.js').View>} change */
  #set(change) {
    this.#app.go({ ...this.#app.view, q: this.#words ?? this.#app.view.q, ...change });
  }

  /** Counts tags and intents of the images in the list. The trash has no counts, so it offers those of the live images. */
  async #loadFacets() {
    const query = filtersOf({ ...this.#app.view, ...(this.#app.view.isTrash ? { q: '', tags: [] } : {}), intent: '' });
    if (this.#facetQuery === query.toString()) return;
    this.#facetQuery = query.toString();
    this.#stop.abort();
    this.#stop = new AbortController();
    try {
      this.#facets = (await this.#app.api.send('GET', 'facets/', { query, signal: this.#stop.signal })).data;
      this.#app.update();
    } catch (error) {
      if (!isAbort(error)) this.#facets = null;   // the dates and the words still work
    }
  }
}

/** @param {Event} event */
const valueOf = event => /** @type {HTMLInputElement | HTMLSelectElement} */ (event.target).value;
