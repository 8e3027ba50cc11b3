import { KeyfleetError } from '@keyfleet/kernel';
import { decodeBase64, encodeBase64 } from './base64.js';

/**
 * Values in JSON without ever being a string: of a request the value is cut out of the bytes and what is left is
 * parsed; an answer is put together from bytes.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const BLANK = new Set([0x20, 0x09, 0x0a, 0x0d]);
const VALUE = Buffer.from('"value"');

interface Span {
  readonly start: number;
  readonly end: number;
}

/** The JSON without the text of its top-level `value`, and the bytes that text stands for, for the caller to wipe. */
export function takeValue(body: Buffer): { readonly rest: unknown; readonly value: Buffer } {
  const found = findValue(body);
  if (!found) throw invalid('must be base64 (standard alphabet)');
  const rest = JSON.parse(
    Buffer.concat([body.subarray(0, found.start), body.subarray(found.end)]).toString('utf8'),
  );
  // Another spelling of the name, or the name once more: then which one counts would be a matter of taste.
  if (rest.value !== '') throw invalid('must be there once');
  const value = decodeBase64(body.subarray(found.start, found.end));
  if (!value) throw invalid('must be base64 (standard alphabet)');
  return { rest, value };
}

function invalid(message: string): KeyfleetError {
  return new KeyfleetError('request.invalid', { errors: [{ pointer: '/value', message }] });
}

/** Where the text between the quotes lies. Everything else about the JSON is left to the parser to judge. */
function findValue(body: Buffer): Span | undefined {
  let depth = 0;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] as number;
    if (OPEN.has(byte)) depth += 1;
    else if (CLOSE.has(byte)) depth -= 1;
    else if (byte === QUOTE) {
      const end = endOfString(body, at);
      const text =
        depth === 1 && isKey(body, at) && VALUE.equals(body.subarray(at, end))
          ? textAfter(body, end)
          : undefined;
      if (text) return text;
      at = end - 1;
    }
  }
  return undefined;
}

/** Just after the closing quote. */
function endOfString(body: Buffer, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === BACKSLASH) at += 1;
    else if (body[at] === QUOTE) return at + 1;
  }
  return body.length;
}

/** A string is a key where a comma or a bracket stands before it. */
function isKey(body: Buffer, start: number): boolean {
  let at = start - 1;
  while (at >= 0 && BLANK.has(body[at] as number)) at -= 1;
  return at >= 0 && (body[at] === COMMA || OPEN.has(body[at] as number));
}

function textAfter(body: Buffer, key: number): Span | undefined {
  const colon = skipBlank(body, key);
  if (body[colon] !== COLON) return undefined;
  const start = skipBlank(body, colon + 1);
  if (body[start] !== QUOTE) return undefined;
  return { start: start + 1, end: endOfString(body, start) - 1 };
}

function skipBlank(body: Buffer, from: number): number {
  let at = from;
  while (BLANK.has(body[at] as number)) at += 1;
  return at;
}

/** `{ path, version, value }` for the caller to wipe once it is sent. Wipes the value. */
export function valueAnswer(path: string, version: number, value: Buffer): Buffer {
  const text = encodeBase64(value);
  value.fill(0);
  const answer = Buffer.concat([
    Buffer.from(`{"path":${JSON.stringify(path)},"version":${version},"value":"`),
    text,
    Buffer.from('"}'),
  ]);
  text.fill(0);
  return answer;
}
