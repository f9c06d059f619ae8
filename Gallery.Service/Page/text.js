// Numbers, days and names as people read them.

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const month = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' });
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });
export const number = new Intl.NumberFormat();

/** @param {number} count @param {string} noun singular, with a plural in -s */
export const plural = (count, noun) => `${number.format(count)} ${noun}${count === 1 ? '' : 's'}`;

/** @param {string} time ISO 8601 */
export const formatMoment = time => moment.format(new Date(time));

/** @param {string} date a day of UTC, as in 2026-11-29 */
export const formatDay = date => day.format(new Date(date));

/** @param {string} time ISO 8601 */
export const formatMonth = time => month.format(new Date(time));

/** @param {string} text @param {number} length */
export const clip = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '').trimEnd()}…`);

const letters = new Intl.Segmenter();
const mayHaveLongLetter = /[^\0-\x7f]{32}/;   // no ASCII sign continues a letter
const longestLetter = 32;   // UTF-16 units. A family of four with skin tones has 19

/**
 * The text as a browser can lay it out. One letter with thousands of marks takes it minutes, so such a letter is cut.
 * @param {string} text
 */
export function calm(text) {
  if (!mayHaveLongLetter.test(text)) return text;
  const all = letters.segment(text);
  let [calmed, rest] = ['', 0];
  for (let i = 0; i < text.length; i = Math.max(i + longestLetter, rest)) {   // every longer letter has one of these places
    const { segment, index } = /** @type {Intl.SegmentData} */ (all.containing(i));
    if (segment.length <= longestLetter) continue;
    calmed += `${text.slice(rest, index)}${[...segment].slice(0, longestLetter / 2).join('')}…`;
    rest = index + segment.length;
  }

  return calmed + text.slice(rest);
}

/**
 * A short name of an image in messages and labels.
 * @param {{ image_id: string, refined_prompt: string | null }} image
 */
export const nameOf = image => (image.refined_prompt ? `“${clip(plain(image.refined_prompt).replace(/\s+/g, ' '), 60)}”` : `image ${image.image_id.slice(0, 8)}`);

/**
 * Whole days until an image in the trash may be deleted by age; 0 on the last day. Null if the trash is kept.
 * @param {string | null} purgeAt ISO 8601
 */
export const daysLeft = purgeAt => (purgeAt === null ? null : Math.max(0, Math.floor((Date.parse(purgeAt) - Date.now()) / 86_400_000)));

/** Tags are equal in any case. @param {string[]} tags @param {string} tag */
export const hasTag = (tags, tag) => tags.some(other => other.normalize().toLowerCase() === tag.normalize().toLowerCase());

/** Without the invisible characters that turn or hide text, so that no name pretends to be another one. @param {string} text */
export const plain = text => text.replace(/[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '');
