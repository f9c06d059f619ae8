// Numbers, days and names as people read them.

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const month = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric' });
const number = new Intl.NumberFormat();

/** @param {number} count @param {string} noun singular, with a plural in -s */
export const plural = (count, noun) => `${number.format(count)} ${noun}${count === 1 ? '' : 's'}`;

/** @param {string} time ISO 8601 */
export const formatMoment = time => moment.format(new Date(time));

/** @param {string} time ISO 8601 */
export const formatMonth = time => month.format(new Date(time));

/** @param {string} text @param {number} length */
export const clip = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`);

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
