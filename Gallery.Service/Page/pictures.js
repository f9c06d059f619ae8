// Where a picture is loaded from, and what is shown if it does not load.

/** @typedef {import('./api.js').Image} Image */

const demo = /^https:\/\/res\.cloudinary\.com\/gallery-demo\/image\/upload\/(?:[^/]+\/)*([0-9a-f-]{36})\.svg$/;

/** @type {Set<string>} URLs that did not load since the page was opened */
const broken = new Set();

/**
 * The service draws the pictures of the demo itself.
 * @param {string} url
 * @param {boolean} isDemo
 */
function locate(url, isDemo) {
  const drawn = isDemo && demo.exec(url)?.[1];
  return drawn ? new URL(`demo/${drawn}.svg`, import.meta.url).href : url;   // beside this file, wherever the page is
}

/** @param {{ image_url: string }} image @param {boolean} isDemo */
export const originalOf = (image, isDemo) => locate(image.image_url, isDemo);

/**
 * The thumbnail; otherwise the picture itself; null if neither loads.
 * @param {Image} image
 * @param {boolean} isDemo
 */
export function thumbnailOf(image, isDemo) {
  const urls = [image.thumbnail_url, image.image_url].flatMap(url => (url === null ? [] : locate(url, isDemo)));
  return urls.find(url => !broken.has(url)) ?? null;
}

/** @param {string} url */
export const isBroken = url => broken.has(url);

/** @param {string} url */
export const markBroken = url => void broken.add(url);

/** Tries again pictures that did not load. */
export const forgetBroken = () => broken.clear();
