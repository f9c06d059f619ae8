// The icons, as paths of 24 × 24. They are decoration: the element around an icon has the name.

import { html } from './vendor/lit-html/lit-html.js';

const paths = {
  back: 'M15 5l-7 7 7 7',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h10v11H9zM5 15V4h10',
  filter: 'M4 6h16M7 12h10M10 18h4',
  forward: 'M9 5l7 7-7 7',
  images: 'M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01',
  link: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M15.5 4.3a3.5 3.5 0 0 1 0 6.4M18 14.5c2.2.8 3.5 2.6 3.5 5.5',
  restore: 'M4 9h10a6 6 0 0 1 0 12H9M4 9l4-4M4 9l4 4',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20',
  share: 'M18 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM6 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM18 22a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8.6 10.5l6.8-4M8.6 13.5l6.8 4',
  tag: 'M4 4h8l8 8-8 8-8-8zM8 8h.01',
  trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
};

/** @param {keyof typeof paths} name */
export const icon = name => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${paths[name]}></path></svg>`;
