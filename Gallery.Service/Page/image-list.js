// The images of a view that were loaded so far, page after page.

import { filtersOf } from './view.js';

/** @typedef {import('./api.js').Image} Image */
/** @typedef {import('./api.js').Problem} Problem */
/** @typedef {import('./view.js').View} View */
/** @typedef {{ role: 'view' | 'edit', image: Image }} Shared an image of somebody else */

const firstPage = 60;
const furtherPage = 200;
const fields = 'image_id,user_id,image_url,thumbnail_url,width,height,format,refined_prompt,intent,tags,created_at,updated_at,deleted_at,purge_at,revision';   // all but metadata, which may be large

export class ImageList {
  #api;
  #changed;
  #stop = new AbortController();
  #path = '';
  #query = new URLSearchParams();
  /** @type {string | null} */
  #cursor = '';
  #isTrash = false;
  #isShared = false;
  /** @type {Map<string, 'view' | 'edit'>} what the person may do with images of others */
  #roles = new Map();
  #loading = Promise.resolve();

  /** @type {Image[]} in the order of the API */
  images = [];
  isLoading = false;
  /** @type {Problem | null} why the last page is missing */
  problem = null;

  /** @type {number | string | null} of the whole view; "10000+" if there are more; null if not known */
  count = null;

  /**
   * @param {import('./api.js').Api} api
   * @param {() => void} changed
   */
  constructor(api, changed) {
    this.#api = api;
    this.#changed = changed;
  }

  get isComplete() {
    return this.#cursor === null;
  }

  /** Starts again with the first page of a view. @param {View} view */
  async show(view) {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#isTrash = view.isTrash;
    this.#isShared = view.isShared;
    this.#path = view.isTrash ? 'deleted/' : view.isShared ? 'shared-with-me/' : '';
    this.#query = filtersOf(view);
    this.#cursor = '';
    this.images = [];
    this.count = null;
    this.isLoading = false;
    await Promise.all([this.more(), this.#countAll()]);
  }

  /** @param {string} id null if it is not known, or not somebody else's */
  roleOf(id) {
    return this.#roles.get(id) ?? null;
  }

  /** Loads pages until one has the image. @param {string} id */
  async seek(id) {
    const { signal } = this.#stop;
    while (!this.find(id) && !this.isComplete && !this.problem && !signal.aborted) await this.more();
  }

  /** Loads what did not load. */
  async retry() {
    await Promise.all([this.more(), this.count === null ? this.#countAll() : null]);
  }

  /** Loads the next page, or waits for the one that is on its way. */
  async more() {
    if (this.#cursor === null) return;
    if (!this.isLoading) this.#loading = this.#load();
    await this.#loading;
  }

  async #load() {
    const { signal } = this.#stop;
    this.isLoading = true;
    this.problem = null;
    this.#changed();
    const query = new URLSearchParams(this.#query);
    if (!this.#isShared) query.set('fields', fields);
    query.set('limit', String(this.#cursor === '' ? firstPage : furtherPage));
    if (this.#cursor) query.set('cursor', this.#cursor);
    try {
      const page = await this.#api.send('GET', this.#path, { query, signal });
      if (signal.aborted) return;   // another view is shown by now
      this.images = [...this.images, ...(this.#isShared ? page.data.map((/** @type {Shared} */ shared) => this.#take(shared)) : page.data)];
      this.#cursor = page.pagination?.next_cursor ?? null;
    } catch (error) {
      if (signal.aborted) return;
      this.problem = /** @type {Problem} */ (error);
    }

    this.isLoading = false;
    this.#changed();
  }

  /** @param {Shared} shared */
  #take({ role, image }) {
    this.#roles.set(image.image_id, role);
    return image;
  }

  /** @param {string} id */
  find(id) {
    return this.images.find(image => image.image_id === id) ?? null;
  }

  /** @param {string} id -1 if it was not loaded */
  indexOf(id) {
    return this.images.findIndex(image => image.image_id === id);
  }

  /** Shows the newer state of an image. @param {Image} image */
  put(image) {
    if (this.#isTrash !== (image.deleted_at !== null)) return;
    this.images = this.images.map(old => (old.image_id === image.image_id && old.revision <= image.revision ? image : old));
    this.#changed();
  }

  /** @param {Set<string>} ids */
  remove(ids) {
    const before = this.images.length;
    this.images = this.images.filter(image => !ids.has(image.image_id));
    this.#adjustCount(this.images.length - before);
    this.#changed();
  }

  /** Puts images back in their places. A place that was not loaded yet comes with its page. @param {Image[]} images */
  add(images) {
    const known = new Set(this.images.map(image => image.image_id));
    const last = this.images.at(-1);
    const time = (/** @type {Image} */ image) => (this.#isTrash ? image.deleted_at : image.created_at) ?? '';
    const compare = (/** @type {Image} */ a, /** @type {Image} */ b) => compareTexts(time(b), time(a)) || compareTexts(b.image_id, a.image_id);
    const added = images.filter(image => !known.has(image.image_id));
    this.#adjustCount(added.length);
    this.images = [...this.images, ...added.filter(image => this.isComplete || (last && compare(image, last) < 0))].sort(compare);
    this.#changed();
  }

  async #countAll() {
    if (this.#isShared) return;   // the API does not count this list
    const query = new URLSearchParams(this.#query);
    query.set('limit', '1');
    query.set('fields', 'image_id');
    query.set('count', 'exact');
    const { signal } = this.#stop;
    try {
      const { pagination } = await this.#api.send('GET', this.#path, { query, signal });
      if (signal.aborted) return;
      this.count = pagination?.count ?? null;
      this.#changed();
    } catch {
      // The page does without a count.
    }
  }

  /** @param {number} difference */
  #adjustCount(difference) {
    if (typeof this.count === 'number') this.count += difference;
  }
}

/** @param {string} a @param {string} b */
const compareTexts = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
