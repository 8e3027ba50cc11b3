/**
 * Escapes that `jsonb` refuses: NUL and halves of surrogate pairs. Whole pairs are never escaped by `JSON.stringify`;
 * an escape begins behind an even number of backslashes.
 */
const REFUSED = /(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g;

/**
 * JSON, as `JSON.stringify` wrote it, with U+FFFD for what is JSON and no text to PostgreSQL. A fact that was stored with
 * such a text is shown with a character less than it had, and not left out with everything behind it.
 */
export function forJsonb(json: string): string {
  return json.includes('\\u') ? json.replace(REFUSED, '$1\\ufffd') : json;
}
