// The part of Supabase Auth's API that the page uses, and the proof that a link was requested in this browser (PKCE, RFC 7636).

import { Problem, unreachable } from './api.js';
import { clip } from './text.js';

const linkKey = 'gallery-link';

/**
 * @param {import('./session.js').Settings} settings
 * @param {string} path below /auth/v1/
 * @param {object} body
 * @param {string} [token]
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export async function callSupabase(settings, path, body, token) {
  /** @type {Record<string, string>} */
  const headers = { apikey: settings.supabase_key ?? '', 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(`${settings.supabase_url?.replace(/\/$/, '')}/auth/v1/${path}`, {
    method: 'POST', headers, body: JSON.stringify(body), credentials: 'omit', keepalive: token !== undefined,   // signing out outlives the page
  }).catch(() => { throw unreachable(); });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const message = [answer.msg, answer.error_description, answer.message].find(text => typeof text === 'string');
  throw new Problem(response.status, String(answer.error_code ?? 'sign_in'), clip(message ?? `Supabase answered ${response.status}.`, 300));
}

/**
 * Asks for a link by e-mail, and remembers what proves it. The link leads to the page without its query, which Supabase compares with its
 * list of Redirect URLs.
 * @param {import('./session.js').Settings} settings
 * @param {string} email
 */
export async function requestLink(settings, email) {
  const verifier = toBase64Url(crypto.getRandomValues(new Uint8Array(48)));
  // Browsers hash at https:// and localhost only.
  const [challenge, method] = crypto.subtle
    ? [toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))), 's256']
    : [verifier, 'plain'];
  const back = encodeURIComponent(location.origin + location.pathname);
  await callSupabase(settings, `otp?redirect_to=${back}`, { email, create_user: false, code_challenge: challenge, code_challenge_method: method });
  localStorage.setItem(linkKey, JSON.stringify({ verifier, search: location.search }));
}

/** What this browser requested last. @returns {{ verifier: string, search: string } | null} */
export function readLink() {
  try {
    const link = JSON.parse(localStorage.getItem(linkKey) ?? 'null');
    return typeof link?.verifier === 'string' && typeof link.search === 'string' ? link : null;
  } catch {
    return null;
  }
}

export const forgetLink = () => localStorage.removeItem(linkKey);

/** @param {Uint8Array} bytes */
const toBase64Url = bytes => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
