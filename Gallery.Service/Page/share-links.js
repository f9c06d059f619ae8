// The links of one image: make one, copy it, and revoke it. Only the answer that makes a link has its token.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { confirm } from './confirm.js';
import { copy } from './copy.js';
import { icon } from './icons.js';
import { PagedList } from './paged-list.js';
import { textField } from './share-dialog.js';
import { formatMoment, plain, plural } from './text.js';

/**
 * @typedef {object} Share
 * @property {string} share_id
 * @property {boolean} is_open
 * @property {string} created_at
 * @property {string | null} expires_at
 * @property {number | null} max_views
 * @property {number} views
 * @property {string | null} last_viewed_at
 * @property {boolean} has_password
 * @property {boolean} show_prompt
 * @property {string | null} note
 * @property {string} [token]
 */

const day = 86_400_000;
const shownFields = ['max_views', 'password', 'note'];

export class ShareLinks {
  #api;
  #path;
  #notes;
  /** @type {PagedList<Share>} */
  #list;
  #isBusy = false;
  /** @type {Record<string, string[]>} */
  #errors = {};

  /**
   * @param {import('./api.js').Api} api
   * @param {import('./api.js').Image} image
   * @param {import('./share-dialog.js').Notes} notes
   * @param {() => void} changed
   */
  constructor(api, image, notes, changed) {
    this.#api = api;
    this.#path = `${image.image_id}/shares/`;
    this.#notes = notes;
    this.#list = new PagedList(api, this.#path, 'share_id', changed);
  }

  template() {
    const errors = this.#errors;
    const { items } = this.#list;
    return html`<section aria-labelledby="share-links">
      <h3 id="share-links" tabindex="-1">Links</h3>
      <p class="hint">Whoever has a link sees the picture without signing in. Each opening is a view, and so is loading its page again.</p>
      <form novalidate @submit=${this.#submitted}>
        <div class="fields">
          <div><label for="share-expires">Expires</label><select id="share-expires" name="expires" autofocus>
            <option value="1">In 1 day</option><option value="7" selected>In 7 days</option><option value="30">In 30 days</option><option value="">Never</option>
          </select></div>
          ${textField({ name: 'max_views', label: 'Maximum of views', errors, hint: 'No maximum', mode: 'numeric' })}
          ${textField({ name: 'password', label: 'Password', errors, hint: 'None' })}
          ${textField({ name: 'note', label: 'Note for yourself', errors, hint: 'None' })}
        </div>
        <div class="line">
          <label class="check-line"><input type="checkbox" name="show_prompt"> Show the prompt too</label>
          <button class="primary" ?disabled=${this.#isBusy}>${icon('link')} Make a link</button>
        </div>
      </form>
      ${items.length > 0 ? html`<ul role="list" class="rows" aria-label="Links">${items.map(share => this.#row(share))}</ul>` : nothing}
      ${this.#list.rest()}
      ${items.length > 1 ? html`<div><button @click=${this.#revokeAll}>Revoke all links</button></div>` : nothing}
    </section>`;
  }

  /** @param {Share} share */
  #row(share) {
    const id = `share-url-${share.share_id}`;
    const facts = [
      share.max_views === null ? plural(share.views, 'view') : `${share.views} of ${plural(share.max_views, 'view')}`,
      share.last_viewed_at ? `the last ${formatMoment(share.last_viewed_at)}` : '',
      share.expires_at === null ? 'never expires' : `${Date.parse(share.expires_at) > Date.now() ? 'expires' : 'expired'} ${formatMoment(share.expires_at)}`,
      share.has_password ? 'asks for a password' : '',
      share.show_prompt ? 'shows the prompt' : '',
    ];
    return html`<li>
      <div class="what">
        <p><bdi>${nameOfLink(share)}</bdi>${share.is_open ? nothing : html` <span class="hint">(shows nothing any more)</span>`}</p>
        <p class="hint">${facts.filter(Boolean).join(', ')}</p>
      </div>
      <button aria-label=${`Revoke: ${nameOfLink(share)}`} @click=${() => this.#revoke(share)}>Revoke</button>
      ${share.token ? html`<div class="url">
        <label for=${id}>The link. It is shown only now, so copy it.</label>
        <input id=${id} readonly .value=${urlOf(share.token)} @focus=${(/** @type {FocusEvent} */ event) => /** @type {HTMLInputElement} */ (event.target).select()}>
        <button class="primary" @click=${() => copy(urlOf(share.token ?? ''), 'Link copied', this.#notes)}>${icon('copy')} Copy</button>
      </div>` : nothing}
    </li>`;
  }

  #submitted = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (this.#isBusy) return;
    const form = /** @type {HTMLFormElement} */ (event.target);
    const body = bodyOf(new FormData(form));
    this.#isBusy = true;
    this.#errors = {};
    this.#notes.done('Making a link …');
    try {
      const { data } = await this.#api.send('POST', this.#path, { body });
      this.#list.put(data);
      form.reset();
      this.#isBusy = false;
      this.#notes.done('Link made. Copy it now, because it is not shown again.');
      document.getElementById(`share-url-${data.share_id}`)?.focus();
    } catch (error) {
      const { errors = {}, message } = /** @type {import('./api.js').Problem} */ (error);
      this.#isBusy = false;
      this.#errors = errors;
      const wrong = shownFields.find(name => name in errors);
      if (wrong) this.#notes.done('');
      else this.#notes.failed(`No link was made. ${message}`);
      if (wrong) document.getElementById(`share-${wrong}`)?.focus();
    }
  };

  /** @param {Share} share */
  async #revoke(share) {
    if (!(await confirm({ question: 'Revoke this link?', text: `It will show nothing any more, and this cannot be undone: ${plain(nameOfLink(share))}`, action: 'Revoke' }))) return;
    await this.#send(`${this.#path}${share.share_id}/`, 'Link revoked', () => this.#list.remove(share));
  }

  #revokeAll = async () => {
    if (!(await confirm({ question: 'Revoke all links of this image?', text: 'They will show nothing any more. This cannot be undone.', action: 'Revoke all' }))) return;
    await this.#send(this.#path, 'All links revoked', () => this.#list.clear());
  };

  /** @param {string} path @param {string} text @param {() => void} forget */
  async #send(path, text, forget) {
    try {
      await this.#api.send('DELETE', path);
      forget();
      this.#notes.done(text);
      document.getElementById('share-links')?.focus();   // the button is gone
    } catch (error) {
      this.#notes.failed(`Not revoked. ${/** @type {Error} */ (error).message}`);
    }
  }
}

/** @param {Share} share */
const nameOfLink = share => share.note || `Link of ${formatMoment(share.created_at)}`;

/** The page of a link is beside this page, whatever address a proxy gives them. @param {string} token */
const urlOf = token => new URL(`s/${token}`, document.baseURI).href;

/** What is not a number goes to the API too, which says so. @param {FormData} form */
function bodyOf(form) {
  const [expires, views, password, note] = ['expires', 'max_views', 'password', 'note'].map(name => String(form.get(name)).trim());
  return {
    expires_at: expires ? new Date(Date.now() + Number(expires) * day).toISOString() : null,
    show_prompt: form.has('show_prompt'),
    ...(views ? { max_views: /^[0-9]+$/.test(views) ? Number(views) : views } : {}),
    ...(password ? { password } : {}),
    ...(note ? { note } : {}),
  };
}
