// What is said above the trash, and emptying it.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { confirm } from './confirm.js';
import { hasFilters } from './view.js';

/** @param {import('./app.js').App} app */
export function trashNotice(app) {
  const { list, view, session } = app;
  if (!view.isTrash || list.images.length === 0) return nothing;
  const isKept = list.images[0].purge_at === null;
  const hasOtherFilters = hasFilters({ ...view, user: '' });
  const isOfOneUser = session.kind === 'user' || view.user !== '';
  return html`<div class="notice">
    <p>${isKept ? 'Images stay in the trash until somebody deletes them permanently.' : 'Each image is deleted permanently when its days are over.'}</p>
    ${app.mayPurge && isOfOneUser && !hasOtherFilters ? html`<button class="danger" @click=${() => empty(app)}>Empty the trash</button>` : nothing}
  </div>`;
}

/** @param {import('./app.js').App} app */
async function empty(app) {
  const { api, list, messages, view } = app;
  const count = list.count ?? list.images.length;
  if (!(await confirm({ question: `Delete all ${count} images of the trash permanently?`, text: 'This cannot be undone.', action: 'Empty the trash' }))) return;
  const query = new URLSearchParams(view.user ? { user_id: view.user } : {});
  let purged = 0;
  try {
    for (let isComplete = false; !isComplete;) {
      const { data } = await api.send('POST', 'deleted/empty/', { query });
      purged += data.purged;
      isComplete = data.is_complete;
    }

    messages.done(`Trash emptied: ${purged} deleted permanently`);
  } catch (error) {
    messages.failed(`${purged} deleted permanently, then it failed. ${/** @type {Error} */ (error).message}`);
  }

  await app.reload();
}
