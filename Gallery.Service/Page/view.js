// What the page shows is in its URL, so that bookmarks and the back button work.

/**
 * @typedef {object} View
 * @property {boolean} isTrash
 * @property {boolean} isShared images of others. This list has no filters
 * @property {string} q the words to search for
 * @property {string[]} tags images with all of them
 * @property {string} intent empty: any
 * @property {string} from the first day, as in 2026-11-29; empty: any
 * @property {string} to the last day; empty: any
 * @property {string} user empty: everyone, or with a token the user's own
 * @property {string | null} image the id of the open image
 */

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const firstDay = '1900-01-01';
export const lastDay = '9998-12-31';

/** @param {string} day empty if it cannot be a day of an image */
export const validDay = day => (/^\d{4}-\d\d-\d\d$/.test(day) && day >= firstDay && day <= lastDay && !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day) ? day : '');

/**
 * @param {string} search the query of a URL
 * @returns {View}
 */
export function readView(search) {
  let given = new URLSearchParams(search);
  const isShared = given.get('view') === 'shared';
  if (isShared) given = new URLSearchParams({ image: given.get('image') ?? '' });
  const get = (/** @type {string} */ name) => given.get(name) ?? '';
  const image = get('image').toLowerCase();
  const [from, to] = [validDay(get('from')), validDay(get('to'))];
  return {
    isTrash: get('view') === 'trash',
    isShared,
    q: get('q'),
    tags: given.getAll('tag').filter(tag => tag !== ''),
    intent: get('intent'),
    from,
    to: to < from ? '' : to,   // the service refuses such a pair
    user: get('user'),
    image: uuid.test(image) ? image : null,
  };
}

/**
 * A relative URL, so that the page works under any path.
 * @param {View} view
 */
export function urlOf(view) {
  const query = new URLSearchParams();
  if (view.isTrash) query.set('view', 'trash');
  if (view.isShared) query.set('view', 'shared');
  if (view.q) query.set('q', view.q);
  for (const tag of view.tags) query.append('tag', tag);
  for (const name of /** @type {const} */ (['intent', 'from', 'to', 'user'])) if (view[name]) query.set(name, view[name]);
  if (view.image) query.set('image', view.image);
  return query.size > 0 ? `?${query}` : './';
}

/**
 * The filters of the API that belong to a view.
 * @param {View} view
 */
export function filtersOf(view) {
  const query = new URLSearchParams();
  if (view.q.trim()) query.set('q', view.q);
  for (const tag of view.tags) query.append('tag', tag);
  if (view.intent) query.set('intent', view.intent);
  if (view.user) query.set('user_id', view.user);
  if (view.from) query.set('created_from', midnight(view.from, 0));
  if (view.to) query.set('created_to', midnight(view.to, 1));
  return query;
}

/**
 * The first moment of a day in the browser's time zone.
 * @param {string} day
 * @param {number} later days
 */
function midnight(day, later) {
  const date = new Date(`${day}T00:00`);
  date.setDate(date.getDate() + later);
  return date.toISOString();
}

/** @param {View} view */
export const hasFilters = view => Boolean(view.q.trim() || view.tags.length > 0 || view.intent || view.from || view.to || view.user);

/** @param {View} view @returns {View} the same place without filters */
export const withoutFilters = view => ({ ...readView(''), isTrash: view.isTrash });
