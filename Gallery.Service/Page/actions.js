// What is done to one image or many: through the batch routes, in chunks, with progress, one message per failure, and Undo.

import { isGone } from './api.js';
import { confirm } from './confirm.js';
import { sentenceOf } from './sentences.js';
import { askForTags } from './tag-dialog.js';
import { hasTag, nameOf, plural } from './text.js';

/** @typedef {{ image_id: string, outcome?: string, code?: string, message?: string, image?: import('./api.js').Image }} Result */

const chunk = 100;   // images in one request, so that the progress moves
const tries = 3;
const transientCodes = ['database_timeout', 'database_unavailable', 'deadline_exceeded', 'overloaded', 'answer_full', 'rate_limited', 'unreachable'];   // may succeed when sent again

export class Actions {
  #app;

  /** @type {{ text: string, done: number, total: number } | null} */
  progress = null;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  /** @param {string[]} ids */
  async delete(ids) {
    const { place, view } = this.#app;
    const open = ids.find(id => id === view.image) ?? null;
    const { changed, gone } = await this.#run('delete', ids, 'Deleting', 'deleted');
    this.#leave(place, gone);
    this.#say(changed, 'moved to the trash', () => this.#bringBack(place, changed, open));
  }

  /** @param {string[]} ids */
  async restore(ids) {
    const { place } = this.#app;
    const { changed, gone } = await this.#run('restore', ids, 'Restoring', 'restored');
    this.#leave(place, gone);
    this.#say(changed, 'restored', async () => {
      const again = await this.#run('delete', changed, 'Deleting', 'deleted');
      await this.#app.reload();
      this.#say(again.changed, 'moved to the trash again');
    });
  }

  /** @param {string[]} ids */
  async purge(ids) {
    const sure = await confirm({
      question: ids.length === 1 ? 'Delete this image permanently?' : `Delete ${plural(ids.length, 'image')} permanently?`,
      text: 'This cannot be undone.',
      action: `Delete ${plural(ids.length, 'image')}`,
    });
    if (!sure) return;
    const { place } = this.#app;
    const { changed, gone } = await this.#run('permanent', ids, 'Deleting permanently', 'purged');
    this.#leave(place, gone);
    this.#say(changed, 'deleted permanently');
  }

  /** @param {string[]} ids */
  async askForTags(ids) {
    const change = await askForTags(this.#app, ids.length);
    if (change === null) return;
    const before = new Map(ids.map(id => [id, this.#app.list.find(id)?.tags ?? []]));
    const { place } = this.#app;
    const { changed, missing } = await this.#tag(ids, change);
    this.#leave(place, missing);
    this.#say(changed, 'tagged', () => this.#untag(changed, change, before));
  }

  /** @param {string[]} ids @param {{ add: string[], remove: string[] }} change */
  async #tag(ids, change) {
    const { changed, missing } = await this.#run('tags', ids, 'Tagging', 'updated', change);
    for (const image of await this.#find(changed)) this.#app.list.put(image);
    return { changed, missing };
  }

  /**
   * Images that had a tag before keep it, and those that did not have one do not get it. So there is one request for each kind of images.
   * @param {string[]} ids
   * @param {{ add: string[], remove: string[] }} change
   * @param {Map<string, string[]>} before the tags of each image
   */
  async #untag(ids, change, before) {
    const kinds = Map.groupBy(ids, id => {
      const tags = before.get(id) ?? [];
      return JSON.stringify({ add: tags.filter(tag => hasTag(change.remove, tag)), remove: change.add.filter(tag => !hasTag(tags, tag)) });
    });
    const changed = [];
    for (const [kind, some] of kinds) changed.push(...(await this.#tag(some, JSON.parse(kind))).changed);
    this.#say(changed, 'tagged as before');
  }

  /** @param {string} place where they were deleted @param {string[]} ids @param {string | null} open the one that was open then */
  async #bringBack(place, ids, open) {
    const { changed, gone } = await this.#run('restore', ids, 'Restoring', 'restored');
    const found = await this.#find(changed);
    if (this.#app.view.isTrash) this.#leave(this.#app.place, gone);
    else if (place === this.#app.place) this.#app.list.add(found);
    this.#say(changed, 'restored');
    if (open === null || !this.#app.list.find(open) || this.#app.view.image === null) return;
    if (this.#app.dialog.hasUnsaved) this.#app.messages.done('It is in the list. This image stays open, because it has unsaved changes.');
    else this.#app.open(open);
  }

  /** Somebody may have gone elsewhere meanwhile. That list was read afterwards. @param {string} place @param {Set<string>} ids */
  #leave(place, ids) {
    if (ids.size > 0 && place === this.#app.place) this.#app.removeFromList(ids);
  }

  /** @param {string[]} ids @param {string} what @param {(() => unknown) | null} [undo] */
  #say(ids, what, undo = null) {
    if (ids.length > 0) this.#app.messages.done(`${plural(ids.length, 'image')} ${what}`, undo);
  }

  /** @param {string[]} ids */
  async #find(ids) {
    return (await this.#send('find', ids, 'Reading', 'found', {})).flatMap(result => result.image ?? []);
  }

  /**
   * @param {string} kind
   * @param {string[]} ids
   * @param {string} text
   * @param {string} outcome of an item that changed
   * @param {object} [more] further members of the body
   * @returns {Promise<{ changed: string[], gone: Set<string>, missing: Set<string> }>} what changed, what no longer belongs to the list if that was the aim, and what others deleted
   */
  async #run(kind, ids, text, outcome, more = {}) {
    const images = new Map(ids.map(id => [id, this.#app.list.find(id)]));
    const results = await this.#send(kind, ids, text, outcome, more);
    if (this.#app.actions !== this) return { changed: [], gone: new Set(), missing: new Set() };   // somebody else has signed in
    const failures = results.filter(result => result.outcome === undefined);
    if (failures.length > 0)
      this.#app.messages.failed(`${failures.length} of ${plural(ids.length, 'image')} failed`, failures.map(result => {
        const image = images.get(result.image_id);
        return `${image ? nameOf(image) : result.image_id}: ${sentenceOf(result.code, result.message ?? '')}`;
      }));
    const missing = new Set(results.filter(result => isGone(result.code)).map(result => result.image_id));
    return {
      changed: results.filter(result => result.outcome === outcome).map(result => result.image_id),
      gone: new Set([...results.filter(result => result.outcome !== undefined).map(result => result.image_id), ...missing]),
      missing,
    };
  }

  /** @param {string} kind @param {string[]} ids @param {string} text @param {string} outcome @param {object} more @returns {Promise<Result[]>} */
  async #send(kind, ids, text, outcome, more) {
    /** @type {Map<string, Result>} */
    const results = new Map();
    const isDone = (/** @type {Result} */ result) => result.outcome === 'unchanged' || (kind === 'permanent' && result.code === 'image_not_found');
    let pending = ids;
    for (let attempt = 1; pending.length > 0; attempt++) {
      if (attempt > 1) await new Promise(resolve => setTimeout(resolve, 1000));
      for (let i = 0; i < pending.length; i += chunk) {
        this.progress = { text, done: results.size, total: ids.length };
        this.#app.update();
        for (const result of await this.#sendChunk(kind, pending.slice(i, i + chunk), more)) {
          // The attempt before was done, and only its answer was lost.
          results.set(result.image_id, attempt > 1 && isDone(result) ? { image_id: result.image_id, outcome } : result);
        }
      }

      pending = attempt === tries ? [] : pending.filter(id => transientCodes.includes(results.get(id)?.code ?? ''));
      for (const id of pending) results.delete(id);
    }

    this.progress = null;
    this.#app.update();
    return [...results.values()];
  }

  /** @param {string} kind @param {string[]} ids @param {object} more @returns {Promise<Result[]>} */
  async #sendChunk(kind, ids, more) {
    if (this.#app.actions !== this) return [];
    try {
      return (await this.#app.api.send('POST', `batch/${kind}/`, { body: { image_ids: ids, ...more } })).data;
    } catch (error) {
      const { code, message } = /** @type {import('./api.js').Problem} */ (error);
      return ids.map(id => ({ image_id: id, code, message }));
    }
  }
}
