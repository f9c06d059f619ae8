// What the page says about a failure. The API's messages are for developers.

const busy = 'The service is busy. Try again.';
const unfinished = 'The service did not finish this in time. Try again.';

/** By the code of the failure. With any other code, such as validation_failed, the page shows the API's message. @type {Map<string | undefined, string>} */
const sentences = new Map(Object.entries({
  image_deleted: 'This image was moved to the trash.',
  image_not_found: 'There is no such image, or you may not see it.',
  image_purged: 'This image was deleted permanently.',
  precondition_failed: 'This image has changed meanwhile. Load the page again.',
  forbidden_purge: 'You may not delete images permanently here.',
  rate_limited: 'Too many requests were sent. Wait a moment, then try again.',
  overloaded: busy,
  too_many_connections: busy,
  shutting_down: busy,
  token_keys_unavailable: busy,
  database_unavailable: unfinished,
  database_timeout: unfinished,
  deadline_exceeded: unfinished,
  database_read_only: 'Nothing can be changed at the moment. Try again later.',
  internal_error: 'The service failed. Try again later.',
}));

/** The API's names of fields, and what the page calls them. */
const labels = new Map(Object.entries({
  refined_prompt: 'Prompt', intent: 'Intent', tag: 'Tag', tags: 'Tags', q: 'Search', created_from: 'From', created_to: 'To', user_id: 'User id',
  expires_at: 'Expires', max_views: 'Maximum of views', password: 'Password', note: 'Note for yourself', role: 'They may',
}));

/** @param {string | undefined} code @param {string} message of the API */
export const sentenceOf = (code, message) => sentences.get(code) ?? withLabel(message);

/** A message of the API begins with the name of its field, such as max_views, or tags[0]. It may name others later. @param {string} message */
export const withLabel = message => message
  .replace(/^[a-z]+(?=(\[\d+\])? (?:cannot|contains|has|is|must|would) )/, name => labels.get(name) ?? name)
  .replace(/^Tags\[\d+\]/, 'Tag')
  .replace(/(?<!')\b[a-z]+_[a-z]+\b(?!')/g, name => labels.get(name) ?? name)
  .replace('Send a word', 'Type a word')
  .replace("ASCII's signs", 'signs such as ! or -');
