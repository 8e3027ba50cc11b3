import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

/** The forms a value can leak in. Compressed ones are found by unpacking, the others by their bytes. */
export const FORMS = [
  'raw',
  'base64',
  'base64url',
  'hex',
  'url',
  'utf16',
  'gzip',
  'deflate',
  'zstd',
] as const;
export type Form = (typeof FORMS)[number];

/** Two alignments more than the obvious one: base64 of a value that does not begin a group looks different. */
const ALIGNMENTS = [0, 1, 2] as const;

function base64At(value: Buffer, alignment: number, encoding: 'base64' | 'base64url'): Buffer {
  const whole = Buffer.concat([Buffer.alloc(alignment), value]);
  const groups = whole.subarray(0, whole.length - (whole.length % 3)).toString(encoding);
  // The first group also holds what stood before the value.
  return Buffer.from(groups.slice(alignment === 0 ? 0 : 4));
}

function urlEncoded(value: Buffer): Buffer {
  const unreserved = /[A-Za-z0-9_.~-]/;
  return Buffer.from(
    [...value]
      .map((byte) =>
        unreserved.test(String.fromCharCode(byte))
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).padStart(2, '0').toUpperCase()}`,
      )
      .join(''),
  );
}

/** The byte strings to look for. Forms that are equal for this value are given once. */
export function needlesOf(value: Buffer): { readonly form: Form; readonly bytes: Buffer }[] {
  const hex = value.toString('hex');
  const url = urlEncoded(value);
  const all: { form: Form; bytes: Buffer }[] = [
    { form: 'raw', bytes: value },
    ...ALIGNMENTS.map((at) => ({ form: 'base64' as const, bytes: base64At(value, at, 'base64') })),
    ...ALIGNMENTS.map((at) => ({ form: 'base64url' as const, bytes: base64At(value, at, 'base64url') })),
    { form: 'hex', bytes: Buffer.from(hex) },
    { form: 'hex', bytes: Buffer.from(hex.toUpperCase()) },
    { form: 'url', bytes: url },
    {
      form: 'url',
      bytes: Buffer.from(url.toString().replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase())),
    },
    { form: 'utf16', bytes: Buffer.from(value.toString('latin1'), 'utf16le') },
  ];
  const seen = new Set<string>();
  return all.filter(({ bytes }) => {
    const key = bytes.toString('latin1');
    return !seen.has(key) && Boolean(seen.add(key));
  });
}

/** A value in one form, as a leak would carry it: inside something else. */
export function leakIn(form: Form, value: Buffer): Buffer {
  const around = (bytes: Buffer) => Buffer.concat([Buffer.from('{"note":"'), bytes, Buffer.from('"}')]);
  switch (form) {
    case 'raw':
      return around(value);
    case 'base64':
    case 'base64url':
      // As part of something larger, so that the alignment is not the value's own.
      return around(Buffer.from(Buffer.concat([Buffer.from('x'), value, Buffer.from('yz')]).toString(form)));
    case 'hex':
      return around(Buffer.from(value.toString('hex')));
    case 'url':
      return around(urlEncoded(value));
    case 'utf16':
      return around(Buffer.from(value.toString('latin1'), 'utf16le'));
    case 'gzip':
      return around(gzipSync(around(value)));
    case 'deflate':
      return around(deflateSync(around(value)));
    case 'zstd':
      return around(zstdCompressSync(around(value)));
  }
}
