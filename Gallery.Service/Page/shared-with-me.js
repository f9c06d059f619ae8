// What is said about the images that others share with the person, and how to leave one.

import { html } from './vendor/lit-html/lit-html.js';
import { confirm } from './confirm.js';
import { copy } from './copy.js';
import { icon } from './icons.js';

/** Whoever wants to share an image must know the id. @param {import('./app.js').App} app */
export const sharedNotice = ({ messages, session }) => html`<div class="notice">
  <p>Your user id: <span class="id">${session.userId}</span></p>
  <button @click=${() => copy(session.userId, 'User id copied', messages)}>${icon('copy')} Copy your user id</button>
</div>`;

/** @param {import('./app.js').App} app @param {import('./api.js').Image} image */
export const sharedBy = (app, image) => html`<div class="notice">
  <p>Shared by <bdi>${image.user_id}</bdi>. ${app.list.roleOf(image.image_id) === 'edit' ? 'You can edit and tag it.' : 'You can see it.'}</p>
  <button @click=${() => leave(app, image)}>Remove from my list</button>
</div>`;

/** @param {import('./app.js').App} app @param {import('./api.js').Image} image */
async function leave(app, { image_id: id }) {
  if (!(await app.dialog.confirmLeave())) return;
  if (!(await confirm({ question: 'Remove this image from your list?', text: 'You will not see it any more, until it is shared with you again.', action: 'Remove' }))) return;
  try {
    await app.api.send('DELETE', `${id}/grants/${encodeURIComponent(app.session.userId)}/`);
    app.removeFromList(new Set([id]));
    app.messages.done('Image removed from your list');
  } catch (error) {
    app.messages.failed(`The image was not removed. ${/** @type {Error} */ (error).message}`);
  }
}
