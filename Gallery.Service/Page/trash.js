// What is said above the trash, and emptying it.

import { html, nothing } from './vendor/lit-html/lit-html.js';
import { confirm } from './confirm.js';
import { plain, plural } from './text.js';
import { hasFilters } from './view.js';

/** @param {import('./app.js').App} app */
export function trashNotice(app) {
  const { list, view, session } = app;
  if (!view.isTrash || list.images.length === 0) return nothing;
  const isKept = list.images[0].purge_at === null;
  const hasOtherFilters = hasFilters({ ...view, user: '' });
  const isOfOneUser = session.kind === 'user' || view.user !== '';
  return html`<div class="notice">
    <p>${isKept ? 'Images stay in the trash until somebody deletes them permanently.' : 'Each image is deleted permanently after the days that it shows.'}</p>
    ${app.mayPurge && !app.actions.progress && isOfOneUser && !hasOtherFilters ? html`<button class="danger" @click=${() => empty(app)}>Empty the trash</button>` : nothing}
  </div>`;
}

/** @param {import('./app.js').App} app */
async function empty(app) {
  const { actions, api, list, messages, view } = app;
  const total = typeof list.count === 'number' ? list.count : null;
  const all = total === null ? 'All its images' : plural(total, 'image');
  if (!(await confirm({ question: view.user ? `Empty the trash of ${plain(view.user)}?` : 'Empty the trash?', text: `${all} will be deleted permanently. This cannot be undone.`, action: 'Empty the trash' }))) return;
  const query = new URLSearchParams(view.user ? { user_id: view.user } : {});
  let purged = 0;
  try {
    for (let isComplete = false; !isComplete;) {
      actions.progress = { text: 'Deleting permanently', done: purged, total: total ?? purged };
      app.update();
      const { data } = await api.send('POST', 'deleted/empty/', { query });
      purged += data.purged;
      isComplete = data.is_complete;
    }

    messages.done(`Trash emptied: ${purged} deleted permanently`);
  } catch (error) {
    messages.failed(`${purged} deleted permanently, then it failed. ${/** @type {Error} */ (error).message}`);
  }

  actions.progress = null;
  await app.reload();
}
