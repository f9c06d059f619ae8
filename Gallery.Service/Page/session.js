// Who is signed in: through Supabase Auth, or with a service key.
// A Supabase session is kept in localStorage, as Supabase's own client does. A service key is kept in memory only.

import { Problem } from './api.js';
import { callSupabase, forgetLink, readLink, requestLink } from './supabase.js';

/**
 * @typedef {object} Settings what page/settings.json says
 * @property {string | null} supabase_url
 * @property {string | null} supabase_key
 * @property {boolean} asks_for_credentials
 * @property {boolean} takes_service_keys
 * @property {boolean} is_demo
 * @property {boolean} users_may_purge
 */

/** @typedef {{ access_token: string, refresh_token: string, expires_at: number, email: string }} Tokens */

const sessionKey = 'gallery-session';
const foreignLink = 'This link was not requested in this browser. Request a new one here.';
const margin = 30; // seconds before the end at which a token is renewed
const turn = 300;  // milliseconds until every tab sees what one has stored
const patience = 2000; // milliseconds that a person who signs out waits for Supabase

export class Session {
  #settings;
  #changed;
  /** @type {string | null} */
  #key = null;
  /** @type {Tokens | null} */
  #tokens = null;

  /** Why the sign-in shows; empty at the first visit. */
  notice = '';

  /**
   * @param {Settings} settings
   * @param {() => void} changed called when someone signed in or out
   */
  constructor(settings, changed) {
    this.#settings = settings;
    this.#changed = changed;
    this.#tokens = read();
    window.addEventListener('storage', event => { if (event.key === null || event.key === sessionKey) this.#follow(); });
    // The browser may keep a page that was left, and show it again. Meanwhile it may get no events.
    window.addEventListener('pageshow', event => { if (event.persisted) this.#follow(); });
    window.addEventListener('pagehide', () => {
      if (!this.#key) return;
      this.#key = null;
      this.#changed();
    });
  }

  /** @returns {'open' | 'user' | 'key' | 'nobody'} */
  get kind() {
    if (!this.#settings.asks_for_credentials) return 'open';
    return this.#key ? 'key' : this.#tokens ? 'user' : 'nobody';
  }

  get email() {
    return this.#tokens?.email ?? '';
  }

  /** The id of the signed-in user; empty if nobody is, or a service key. */
  get userId() {
    return this.kind === 'user' ? String(claimsOf(this.#tokens?.access_token ?? '').sub ?? '') : '';
  }

  /** Whether the images of all users are shown. */
  get seesAll() {
    return this.kind === 'open' || this.kind === 'key';
  }

  /** @returns {Promise<string | null>} what goes into Authorization; null if nobody is signed in */
  async token() {
    if (this.#key) return this.#key;
    const tokens = this.#tokens;
    const left = tokens ? tokens.expires_at - Date.now() / 1000 : margin;
    if (tokens && left < margin) await this.renew(tokens.access_token).catch(error => { if (left <= 0) throw error; });   // it is still good
    return whoOf(this.#tokens) === whoOf(tokens) ? this.#tokens?.access_token ?? null : null;
  }

  /**
   * Gets a new token in place of this one. Tabs take turns, because a refresh token works once.
   * @param {string | null} old
   * @returns {Promise<boolean>} false if the session has ended
   */
  async renew(old) {
    const who = whoOf(this.#tokens);
    if (this.#key || !this.#tokens || claimsOf(old ?? '').sub !== claimsOf(this.#tokens.access_token).sub) return false;   // a late answer to another user
    const takeOver = () => read()?.access_token !== old && this.#follow();
    const isRenewed = await takeTurns(async () => {
      if (takeOver()) return true;
      if (this.#tokens?.access_token !== old) return false;   // somebody else has signed in
      try {
        const answer = await callSupabase(this.#settings, 'token?grant_type=refresh_token', { refresh_token: this.#tokens?.refresh_token });
        if (this.#tokens?.access_token !== old) return takeOver();   // signed out meanwhile
        this.#keep(answer);
        return true;
      } catch (error) {
        if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) return takeOver();
        throw error;
      }
    });
    return isRenewed && whoOf(this.#tokens) === who;
  }

  /** @param {string | null} token the one that the API refused */
  expire(token) {
    if (this.kind === 'open' || token === null || token !== (this.#key ?? this.#tokens?.access_token)) return;   // null: it has ended already, and the notice stays
    this.notice = this.#key ? 'The service does not know this key.' : 'Your session has ended. Sign in again.';
    this.#forget();
  }

  /** @param {string} email @param {string} password */
  async signIn(email, password) {
    this.#keep(await callSupabase(this.#settings, 'token?grant_type=password', { email, password }));
    this.notice = '';
    this.#changed();
  }

  /** @param {string} email */
  sendLink(email) {
    return requestLink(this.#settings, email);
  }

  /**
   * A link leads back here with a code, or an error. Only the browser that requested the link can exchange its code for tokens. So nobody is
   * signed in as somebody else by a link, and the history keeps nothing of use.
   */
  async takeLink() {
    const query = new URLSearchParams(location.search);
    const code = query.get('code');
    const fragment = new URLSearchParams(location.hash.slice(1));
    const hasFailed = query.has('error') || fragment.has('error');
    const hasTokens = fragment.has('access_token') || fragment.has('refresh_token');   // a link that Supabase's dashboard sent
    if (!this.#settings.supabase_key || (code === null && !hasFailed && !hasTokens)) return;
    const link = readLink();
    for (const name of ['code', 'error', 'error_code', 'error_description']) query.delete(name);
    history.replaceState(null, '', location.pathname + (link?.search ?? (query.size > 0 ? `?${query}` : '')));
    if (this.#tokens) return;
    if (hasFailed) this.notice = 'The link has expired or was used already. Ask for a new one.';
    else if (!link || code === null) this.notice = foreignLink;
    else await callSupabase(this.#settings, 'token?grant_type=pkce', { auth_code: code, code_verifier: link.verifier }).then(answer => {
      forgetLink();
      this.#keep(answer);
    }).catch(error => { this.notice = error.status >= 400 && error.status < 500 ? foreignLink : error.message; });
  }

  /** @param {string} key */
  useKey(key) {
    this.#key = key;
    this.notice = '';
    this.#changed();
  }

  async signOut() {
    const tokens = this.#tokens;
    this.#forget();
    const end = (/** @type {string} */ token) => callSupabase(this.#settings, 'logout?scope=local', {}, token).catch(() => {});   // the tokens are forgotten in any case
    if (tokens && tokens.expires_at - Date.now() / 1000 < margin) {   // Supabase refuses a logout with an expired token
      const renewed = callSupabase(this.#settings, 'token?grant_type=refresh_token', { refresh_token: tokens.refresh_token });
      await Promise.race([renewed.then(answer => end(answer.access_token)).catch(() => {}), new Promise(done => setTimeout(done, patience))]);
    } else if (tokens) end(tokens.access_token);
    location.reload();   // so that nothing stays: no message, no Undo, no request on its way
  }

  /** Does what another tab did to the session. Nothing of another user may stay. @returns {boolean} whether the same user is signed in */
  #follow() {
    if (this.#key) return false;   // a key is this tab's alone
    const stored = read();
    const isSame = whoOf(stored) === whoOf(this.#tokens);
    this.#tokens = isSame || this.#tokens === null ? stored : null;   // no request of one user may go out with the other's token
    if (isSame) return stored !== null;
    this.#changed();
    location.reload();
    return false;
  }

  #forget() {
    if (!this.#key) localStorage.removeItem(sessionKey);   // another tab may have a session meanwhile
    this.#key = this.#tokens = null;
    forgetLink();
    this.#changed();
  }

  /** @param {any} answer of Supabase Auth */
  #keep(answer) {
    if (typeof answer?.access_token !== 'string' || typeof answer.refresh_token !== 'string') throw new Problem(0, 'no_session', 'Supabase answered without a session. Try again.');
    this.#tokens = {
      access_token: answer.access_token,
      refresh_token: answer.refresh_token,
      expires_at: Number(answer.expires_at ?? Date.now() / 1000 + Number(answer.expires_in)),
      email: answer.user?.email ?? claimsOf(answer.access_token).email ?? '',
    };
    localStorage.setItem(sessionKey, JSON.stringify(this.#tokens));
  }
}

/** @returns {Tokens | null} */
function read() {
  try {
    const tokens = JSON.parse(localStorage.getItem(sessionKey) ?? 'null');
    return typeof tokens?.access_token === 'string' && typeof tokens.refresh_token === 'string' ? tokens : null;
  } catch {
    return null;
  }
}

/** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
function takeTurns(work) {
  if (!navigator.locks) return work();   // locks exist at https:// and localhost only
  return new Promise((resolve, reject) => {
    navigator.locks.request(sessionKey, async () => {
      const before = localStorage.getItem(sessionKey);
      await work().then(resolve, reject);
      if (localStorage.getItem(sessionKey) !== before) await new Promise(done => setTimeout(done, turn));   // another tab sees it a moment later
    });
  });
}

/** @param {Tokens | null} tokens */
const whoOf = tokens => tokens && (claimsOf(tokens.access_token).sub ?? tokens.email);

/** @param {string} token a JWT @returns {{ sub?: string, email?: string }} */
function claimsOf(token) {
  try {
    const claims = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), c => c.charCodeAt(0)))) ?? {};
  } catch {
    return {};
  }
}
