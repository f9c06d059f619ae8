// Copies a text to the clipboard.

/**
 * @param {string} text
 * @param {string} done what to say then
 * @param {Pick<import('./messages.js').Messages, 'done' | 'failed'>} messages
 */
export async function copy(text, done, messages) {
  try {
    await navigator.clipboard.writeText(text);
    messages.done(done);
  } catch {
    // Browsers have no clipboard for http:// pages of other machines, and may refuse.
    messages.failed('The browser does not allow copying. Select the text and press Ctrl+C.');
  }
}
