// The users with whom one image is shared, and what each of them may do.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { live } from './vendor/lit-html/directives/live.js';
import { PagedList } from './paged-list.js';
import { textField } from './share-dialog.js';
import { plain } from './text.js';

/** @typedef {{ user_id: string, role: string }} Grant */

export class SharePeople {
  #api;
  #path;
  #notes;
  #hasUsers;
  #changed;
  /** @type {PagedList<Grant>} */
  #list;
  #isBusy = false;
  /** @type {Record<string, string[]>} */
  #errors = {};

  /**
   * @param {import('./api.js').Api} api
   * @param {import('./api.js').Image} image
   * @param {import('./share-dialog.js').Notes} notes
   * @param {boolean} hasUsers whether users sign in here. Otherwise nobody has a place "Shared with me"
   * @param {() => void} changed
   */
  constructor(api, image, notes, hasUsers, changed) {
    this.#api = api;
    this.#path = `${image.image_id}/grants/`;
    this.#notes = notes;
    this.#hasUsers = hasUsers;
    this.#changed = changed;
    this.#list = new PagedList(api, this.#path, 'user_id', changed);
  }

  template() {
    const { items } = this.#list;
    return html`<section aria-labelledby="share-people">
      <h3 id="share-people" tabindex="-1">People</h3>
      ${this.#hasUsers ? html`<p class="hint">They find the image under “Shared with me”, where they also see their user id.</p>` : nothing}
      <form novalidate @submit=${this.#submitted}>
        <div class="fields">
          ${textField({ name: 'user_id', label: 'User id', errors: this.#errors })}
          <div><label for="share-role">They may</label><select id="share-role" name="role"><option value="view">see it</option><option value="edit">edit it</option></select></div>
        </div>
        <div class="line"><button class="primary" ?disabled=${this.#isBusy}>Share</button></div>
      </form>
      ${items.length > 0 ? html`<ul role="list" class="rows" aria-label="People">${items.map(grant => this.#row(grant))}</ul>` : nothing}
      ${this.#list.rest()}
    </section>`;
  }

  /** @param {Grant} grant */
  #row(grant) {
    const name = plain(grant.user_id);
    return html`<li>
      <bdi class="what">${grant.user_id}</bdi>
      <select aria-label=${`What ${name} may do`} @change=${(/** @type {Event} */ event) => this.#changeRole(grant, /** @type {HTMLSelectElement} */ (event.target).value)}>${roles(grant.role)}</select>
      <button aria-label=${`Remove ${name}`} @click=${() => this.#remove(grant)}>Remove</button>
    </li>`;
  }

  #submitted = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (this.#isBusy) return;
    const form = /** @type {HTMLFormElement} */ (event.target);
    const [userId, role] = ['user_id', 'role'].map(name => String(new FormData(form).get(name)).trim());
    this.#isBusy = true;
    this.#errors = {};
    this.#notes.done('');
    try {
      if (userId === '') this.#errors = { user_id: ['Type the id of a user.'] };
      else {
        this.#list.put(await this.#put(userId, role));
        form.reset();
        this.#notes.done(`Shared with ${plain(userId)}`);
      }
    } catch (error) {
      const { errors = {}, message } = /** @type {import('./api.js').Problem} */ (error);
      this.#errors = errors;
      if (!('user_id' in errors)) this.#notes.failed(`Not shared. ${message}`);
    }

    this.#isBusy = false;
    this.#changed();
    document.getElementById('share-user_id')?.focus();
  };

  /** @param {Grant} grant @param {string} role */
  async #changeRole(grant, role) {
    try {
      this.#list.put(await this.#put(grant.user_id, role));
      this.#notes.done(`${plain(grant.user_id)} may ${role === 'edit' ? 'edit' : 'only see'} it now`);
    } catch (error) {
      this.#notes.failed(`Not changed. ${/** @type {Error} */ (error).message}`);   // the select shows the old role again
    }
  }

  /** @param {Grant} grant */
  async #remove(grant) {
    try {
      await this.#api.send('DELETE', `${this.#path}${encodeURIComponent(grant.user_id)}/`);
      this.#list.remove(grant);
      this.#notes.done(`No longer shared with ${plain(grant.user_id)}`);
      document.getElementById('share-people')?.focus();   // the button is gone
    } catch (error) {
      this.#notes.failed(`Not removed. ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {string} userId @param {string} role @returns {Promise<Grant>} */
  async #put(userId, role) {
    return (await this.#api.send('PUT', `${this.#path}${encodeURIComponent(userId)}/`, { body: { role } })).data;
  }
}

/** @param {string} role the one that is chosen */
const roles = role => [['view', 'see it'], ['edit', 'edit it']].map(([value, text]) => html`<option value=${value} .selected=${live(value === role)}>${text}</option>`);
