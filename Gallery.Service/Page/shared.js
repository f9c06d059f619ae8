// The page of a link: shows its picture to anyone. It asks the API once, because each answer is a view of the link.

import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { copy } from './copy.js';
import { icon } from './icons.js';
import { originalOf } from './pictures.js';
import { calm, clip, nameOf } from './text.js';

/** @typedef {{ image_id: string, image_url: string, refined_prompt: string | null }} SharedImage */

const unreachable = 'Gallery does not answer. Check the connection, then try again.';
const sendable = /^[\x21-\x7e]*$/;   // a header of fetch takes nothing else, and no link has another password

const token = location.pathname.split('/').at(-1) ?? '';
const api = new URL(`../v1/gallery/shared/${token}/`, location.href);
const root = /** @type {HTMLElement} */ (document.getElementById('shared'));
const settings = fetch(new URL('settings.json', import.meta.url)).then(answer => answer.json()).catch(() => null);   // it is needed for invented pictures only

/** @param {string} title @param {unknown} template */
function show(title, template) {
  document.title = `${title} – Gallery`;
  render(template, root);
}

/** @param {string | null} password null until somebody typed one */
async function open(password) {
  if (password === null) show('Shared picture', html`<p class="state loading" role="status">Loading the picture …</p>`);
  /** @type {Response} */
  let answer;
  let body;
  try {
    answer = await fetch(api, { headers: password === null ? {} : { 'X-Share-Password': password }, credentials: 'omit', cache: 'no-store' });
    body = await answer.json().catch(() => null);
  } catch {
    return fail(password, unreachable);
  }

  if (answer.ok && body?.data) await showPicture(body.data, password !== null);
  else if (answer.ok) fail(password, unreachable);   // the answer was cut off
  else if (answer.status === 404) showState('This link shows nothing', 'It may have expired, been revoked, or been opened as often as it may be. Ask for a new one.');
  else if (answer.status === 403 && body?.code === 'share_password_required') askForPassword(password === null ? '' : 'This is not the password. Try again.');
  else if (answer.status === 429) fail(password, `${password === null ? 'Too many requests were sent.' : 'Too many wrong passwords were sent.'} ${waitOf(answer)}`);
  else fail(password, body?.message ?? `Gallery answered ${answer.status}. Try again.`);
}

/** @param {string | null} password @param {string} message */
function fail(password, message) {
  if (password !== null) askForPassword(message);
  else showState('The picture did not load', message, html`<button class="primary" @click=${() => open(null)}>Try again</button>`);
}

/** @param {string} heading @param {string} text @param {unknown} [action] */
function showState(heading, text, action = nothing) {
  show(heading, html`<div class="state" role="alert"><h1>${heading}</h1><p>${text}</p>${action}</div>`);
}

/** @param {string} error */
function askForPassword(error) {
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const password = String(new FormData(form).get('password')).trim();   // none begins or ends with a space
    if (password === '') return askForPassword('Type the password.');
    if (!sendable.test(password)) return askForPassword('The password has only letters A to Z, digits and signs such as ! or -. Type it as you got it.');
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('button'));
    button.disabled = true;   // one opening is one view
    await open(password);
    button.disabled = false;
  };
  show('Password', html`<form class="state" @submit=${submit}>
    <h1>This picture has a password</h1>
    <div class="password">
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="off" aria-invalid=${error !== ''} aria-describedby="error">
      <p id="error" class="error" role="alert">${error}</p>
    </div>
    <p class="hint">If you load this page again, it asks again, and that counts as another view.</p>
    <button class="primary">Show the picture</button>
  </form>`);
  const input = /** @type {HTMLInputElement} */ (document.getElementById('password'));
  input.focus();
  input.select();
}

/** @param {SharedImage} image @param {boolean} isFocused whether the focus was in the form that is gone */
async function showPicture(image, isFocused) {
  const url = originalOf(image, (await settings)?.is_demo === true);
  const prompt = image.refined_prompt;
  let isBroken = false;
  let [done, failed] = ['', ''];
  const update = () => show(prompt ? nameOf(image) : 'Shared picture', html`
    <h1 class="unseen" tabindex="-1">Shared picture</h1>
    <figure>${isBroken ? html`<figcaption>The picture does not load. It may have been deleted.</figcaption>`
      : html`<img src=${url} alt=${clip(prompt ?? 'Shared picture', 1000)} @error=${() => { isBroken = true; update(); }}>`}</figure>
    <div class="below">
      ${prompt ? html`<p class="prompt" dir="auto">${calm(prompt)}</p>` : nothing}
      <div class="buttons">
        ${prompt ? html`<button @click=${() => copy(prompt, 'Prompt copied', notes)}>${icon('copy')} Copy the prompt</button>` : nothing}
        <a class="button" href=${url} target="_blank" rel="noopener noreferrer">${icon('link')} Open the original</a>
      </div>
    </div>
    <p role="status">${done}</p>
    <p class="error" role="alert">${failed}</p>`);
  const notes = {
    done: (/** @type {string} */ text) => { [done, failed] = [text, '']; update(); },
    failed: (/** @type {string} */ text) => { [done, failed] = ['', text]; update(); },
  };
  update();
  if (isFocused) root.querySelector('h1')?.focus();
}

/** @param {Response} answer */
function waitOf(answer) {
  const seconds = Number(answer.headers.get('Retry-After')) || 60;
  return seconds > 90 ? `Wait ${Math.ceil(seconds / 60)} minutes, then try again.` : `Wait ${seconds} seconds, then try again.`;
}

root.replaceChildren();
// A browser may load a page that nobody opens yet.
if (/** @type {{ prerendering?: boolean }} */ (document).prerendering) document.addEventListener('prerenderingchange', () => open(null), { once: true });
else open(null);
