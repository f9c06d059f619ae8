// Requests to Gallery's API, with the caller's credentials.

import { sentenceOf, withLabel } from './sentences.js';

/**
 * @typedef {object} Image an image as the API shows it
 * @property {string} image_id
 * @property {string} user_id
 * @property {string} image_url
 * @property {string | null} thumbnail_url
 * @property {number | null} width
 * @property {number | null} height
 * @property {string | null} format
 * @property {string | null} refined_prompt
 * @property {string | null} intent
 * @property {Record<string, unknown>} [metadata] absent in the page's lists
 * @property {string[]} tags
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} deleted_at
 * @property {string | null} purge_at
 * @property {number} revision
 */

/**
 * @typedef {object} Answer
 * @property {any} data
 * @property {{ next_cursor: string | null, count?: number | string }} [pagination]
 * @property {string | null} etag
 */

/**
 * @typedef {object} Options
 * @property {URLSearchParams} [query]
 * @property {unknown} [body]
 * @property {string | null} [etag] the ETag that the image must have
 * @property {AbortSignal} [signal]
 * @property {boolean} [keepalive] whether the request goes on when the page is left
 */

const root = new URL('v1/gallery/', document.baseURI);

/** A failure, with a sentence about it. */
export class Problem extends Error {
  /**
   * @param {number} status 0 if there was no answer
   * @param {string} code as in docs/errors.md
   * @param {string} message
   * @param {string | null} etag the image's current one, after a 412
   * @param {Record<string, string[]>} errors messages by the name of their field
   */
  constructor(status, code, message, etag = null, errors = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.etag = etag;
    this.errors = errors;
  }
}

export const unreachable = () => new Problem(0, 'unreachable', 'Gallery does not answer. Check the connection, then try again.');

/** Whether the image is no longer where it was listed: others deleted it, or do not share it any more. @param {string | undefined} code */
export const isGone = code => ['image_not_found', 'image_purged', 'image_deleted'].includes(code ?? '');

/** @param {unknown} error */
export const isAbort = error => error instanceof DOMException && error.name === 'AbortError';

export class Api {
  #session;

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.#session = session;
  }

  /**
   * @param {string} method
   * @param {string} path below /v1/gallery/, each part percent-encoded
   * @param {Options} [options]
   * @returns {Promise<Answer>}
   * @throws {Problem}
   */
  async send(method, path, options = {}) {
    let token = await this.#session.token();
    let response = await this.#fetch(method, path, options, token);
    if (response.status === 401 && (await this.#session.renew(token))) {
      token = await this.#session.token();
      response = await this.#fetch(method, path, options, token);
    }

    if (response.status === 401) this.#session.expire(token);
    const body = await response.json().catch(error => {
      if (isAbort(error)) throw error;
      return null;
    });
    const etag = response.headers.get('ETag');
    if (response.ok && !body) throw unreachable();   // the answer was cut off
    if (response.ok) return { ...body, etag };
    const errors = Object.entries(/** @type {Record<string, string[]>} */ (body?.errors ?? {})).map(([name, messages]) => [name, messages.map(withLabel)]);
    throw new Problem(response.status, body?.code ?? 'no_json', sentenceOf(body?.code, String(body?.message ?? `Gallery answered ${response.status}. Try again.`)), etag, Object.fromEntries(errors));
  }

  /**
   * Counts a view or a download of a user. A beacon that is lost costs nobody anything, so nothing is said.
   * Not navigator.sendBeacon: it cannot send the token.
   * @param {string} id
   * @param {'views' | 'downloads'} what
   */
  async count(id, what) {
    try {
      await this.#fetch('POST', `${id}/${what}/`, { keepalive: true }, await this.#session.token());
    } catch {
      // There is no next try.
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Options} options
   * @param {string | null} token
   */
  async #fetch(method, path, { query, body, etag, signal, keepalive }, token) {
    // A browser would take these parts out of the path, and the request would reach another route.
    if (/(^|\/)\.{1,2}(\/|$)/.test(path)) throw new Problem(400, 'no_path', 'A name that is . or .. cannot be sent. Type another one.');
    const url = new URL(path, root);
    if (query) url.search = query.toString();
    /** @type {Record<string, string>} */
    const headers = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (etag) headers['If-Match'] = etag;
    if (body !== undefined) headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    try {
      return await fetch(url, { method, headers, signal, keepalive, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'omit' });
    } catch (error) {
      throw isAbort(error) ? error : unreachable();
    }
  }
}
