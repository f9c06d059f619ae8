// Who is signed in: through Supabase Auth, or with a service key.
// A Supabase session is kept in localStorage, as Supabase's own client does. A service key is kept in memory only.

import { Problem, unreachable } from './api.js';

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
const linkKey = 'gallery-link-asked';
const longestLink = 24 * 3600 * 1000;   // milliseconds; Supabase's own limit is a setting of at most a day
const margin = 30; // seconds before the end at which a token is renewed
const turn = 300;  // milliseconds until every tab sees what one has stored

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
    this.#takeLink();
    window.addEventListener('storage', event => {
      if (event.key !== sessionKey) return;
      const before = this.#tokens?.email;
      this.#tokens = read();
      if (this.#tokens?.email !== before) this.#changed();
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
    return this.#tokens?.access_token ?? null;
  }

  /**
   * Gets a new token in place of this one. Tabs take turns, because a refresh token works once.
   * @param {string | null} old
   * @returns {Promise<boolean>} false if the session has ended
   */
  async renew(old) {
    if (this.#key || !this.#tokens) return false;
    const takeOver = () => {
      const current = read();
      if (current === null || current.access_token === old) return false;
      this.#tokens = current;
      return true;
    };
    return takeTurns(async () => {
      if (takeOver()) return true;
      try {
        this.#keep(await this.#auth('token?grant_type=refresh_token', { refresh_token: this.#tokens?.refresh_token }));
        return true;
      } catch (error) {
        if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) return takeOver();
        throw error;
      }
    });
  }

  /** @param {string | null} token the one that the API refused */
  expire(token) {
    if (this.kind === 'open' || token !== (this.#key ?? this.#tokens?.access_token ?? null)) return;
    this.notice = this.#key ? 'The service does not know this key.' : this.#tokens ? 'Your session has ended. Sign in again.' : '';
    this.#forget();
  }

  /** @param {string} email @param {string} password */
  async signIn(email, password) {
    this.#keep(await this.#auth('token?grant_type=password', { email, password }));
    this.notice = '';
    this.#changed();
  }

  /** @param {string} email */
  async sendLink(email) {
    const back = new URL(location.href);
    back.hash = '';
    await this.#auth(`otp?redirect_to=${encodeURIComponent(back.href)}`, { email, create_user: false });
    localStorage.setItem(linkKey, String(Date.now()));
  }

  /** @param {string} key */
  useKey(key) {
    this.#key = key;
    this.notice = '';
    this.#changed();
  }

  signOut() {
    if (this.#tokens) this.#auth('logout?scope=local', {}, this.#tokens.access_token).catch(() => {});   // the tokens are forgotten in any case
    this.notice = '';
    this.#forget();
  }

  #forget() {
    this.#key = this.#tokens = null;
    localStorage.removeItem(sessionKey);
    localStorage.removeItem(linkKey);
    this.#changed();
  }

  /** @param {any} answer of Supabase Auth */
  #keep(answer) {
    this.#tokens = {
      access_token: answer.access_token,
      refresh_token: answer.refresh_token,
      expires_at: Number(answer.expires_at ?? Date.now() / 1000 + Number(answer.expires_in)),
      email: answer.user?.email ?? emailIn(answer.access_token),
    };
    localStorage.setItem(sessionKey, JSON.stringify(this.#tokens));
  }

  /**
   * A magic link returns here with the tokens, or an error, in the fragment. The fragment is removed, so that no bookmark keeps it. A link that
   * this browser did not ask for could sign a person in as somebody else, so it is ignored.
   */
  #takeLink() {
    const link = new URLSearchParams(location.hash.slice(1));
    if (!link.has('access_token') && !link.has('error')) return;
    history.replaceState(null, '', location.pathname + location.search);
    if (this.#tokens) return;
    const isAsked = Date.now() - Number(localStorage.getItem(linkKey)) < longestLink;
    localStorage.removeItem(linkKey);
    if (link.has('error')) this.notice = 'The link has expired or was used already. Ask for a new one.';
    else if (isAsked) this.#keep(Object.fromEntries(link));
    else this.notice = 'This link was not requested in this browser. Request a new one here.';
  }

  /** @param {string} path @param {object} body @param {string} [token] */
  async #auth(path, body, token) {
    const key = /** @type {string} */ (this.#settings.supabase_key);
    /** @type {Record<string, string>} */
    const headers = { apikey: key, 'Content-Type': 'application/json' };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(`${this.#settings.supabase_url?.replace(/\/$/, '')}/auth/v1/${path}`, {
      method: 'POST', headers, body: JSON.stringify(body), credentials: 'omit',
    }).catch(() => { throw unreachable(); });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(response.status, answer.error_code ?? 'sign_in', answer.msg ?? answer.error_description ?? `Supabase answered ${response.status}.`);
    return answer;
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

/** @param {string} token a JWT */
function emailIn(token) {
  try {
    const claims = token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(claims), c => c.charCodeAt(0)))).email ?? '';
  } catch {
    return '';
  }
}
