// The sign-in form. The URL stays, so that signing in leads back to the same view.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { Problem } from './api.js';

export class SignIn {
  #app;
  #failure = '';
  #note = '';
  #isBusy = false;
  #usesKey = false;

  /** @param {import('./app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  template() {
    const { settings, session } = this.#app;
    const usesSupabase = settings.supabase_url !== null;
    return html`<main class="sign-in">
      <h1>Gallery</h1>
      ${session.notice ? html`<p class="notice" role="alert">${session.notice}</p>` : nothing}
      ${usesSupabase ? this.#withSupabase() : nothing}
      ${settings.takes_service_keys ? usesSupabase ? html`<details ?open=${this.#usesKey}><summary>Use a service key</summary>${this.#withKey()}</details>` : this.#withKey() : nothing}
      ${!usesSupabase && !settings.takes_service_keys ? html`<p>Sign-in is not set up. Ask the operator to set SUPABASE_PUBLISHABLE_KEY.</p>` : nothing}
      <p class="error" role="alert">${this.#failure}</p>
      <p role="status">${this.#note}</p>
    </main>`;
  }

  #withSupabase() {
    return html`<form @submit=${this.#signedIn}>
      <label>E-mail <input name="email" type="email" autocomplete="username" required></label>
      <label>Password <input name="password" type="password" autocomplete="current-password"></label>
      <button class="primary" ?disabled=${this.#isBusy}>Sign in</button>
      <button name="link" value="1" ?disabled=${this.#isBusy}>E-mail me a link</button>
    </form>`;
  }

  #withKey() {
    return html`<form @submit=${this.#keyGiven}>
      <label>Service key <input name="key" type="password" autocomplete="off" required></label>
      <p class="hint">The key is forgotten when you leave this page or load it again.</p>
      <button class="primary">Use the key</button>
    </form>`;
  }

  #signedIn = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [email, password] = [String(form.get('email')), String(form.get('password'))];
    const wantsLink = /** @type {HTMLButtonElement | null} */ (event.submitter)?.name === 'link';
    if (!wantsLink && password === '') return this.#say('Type your password, or let us e-mail you a link.', '');
    this.#isBusy = true;
    this.#say('', wantsLink ? '' : 'Signing in …');
    try {
      if (wantsLink) await this.#app.session.sendLink(email).catch(hideUnknown);
      else await this.#app.session.signIn(email, password);
      this.#isBusy = false;
      this.#say('', wantsLink ? `If ${email} has an account, a link is on its way. Open it in this browser.` : '');
    } catch (error) {
      this.#isBusy = false;
      this.#say(/** @type {Error} */ (error).message, '');
    }
  };

  #keyGiven = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    this.#usesKey = true;   // a wrong key is typed again
    const key = String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get('key')).trim();
    if (/^[\x21-\x7e]+$/.test(key)) this.#app.session.useKey(key);
    else this.#say('A service key has no blanks and only ASCII characters. Copy it again.', '');
  };

  /** @param {string} failure @param {string} note */
  #say(failure, note) {
    [this.#failure, this.#note] = [failure, note];
    this.#app.update();
  }
}

/** Whether an account exists is nobody's business. @param {unknown} error */
function hideUnknown(error) {
  if (!(error instanceof Problem && error.code === 'otp_disabled')) throw error;
}
