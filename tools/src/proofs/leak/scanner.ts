import { constants, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { type Form, needlesOf } from './forms.js';
import { gzipBodyOffset, zstdFrameLength } from './frames.js';

export interface Hit {
  /** Which value, by the name it was given. */
  readonly name: string;
  readonly form: Form;
}

interface Needle extends Hit {
  readonly bytes: Buffer;
}

/** 2^20 bits: small enough to stay in the processor's cache, large enough that few places are looked at twice. */
const BITS = 20;
const MASK = 2 ** BITS - 1;
const MAX_UNPACKED = 8 * 1024 * 1024;
const MAX_DEPTH = 2;

const TOLERANT = { maxOutputLength: MAX_UNPACKED, finishFlush: constants.Z_SYNC_FLUSH } as const;

const UNPACKERS: readonly {
  readonly form: Form;
  readonly magic: Buffer;
  readonly unpack: (packed: Buffer) => Buffer;
}[] = [
  {
    form: 'gzip',
    magic: Buffer.from([0x1f, 0x8b, 0x08]),
    unpack: (packed) => inflateRawSync(packed.subarray(gzipBodyOffset(packed)), TOLERANT),
  },
  ...[0x01, 0x5e, 0x9c, 0xda].map((level) => ({
    form: 'deflate' as const,
    magic: Buffer.from([0x78, level]),
    unpack: (packed: Buffer) =>
      inflateSync(packed, { maxOutputLength: MAX_UNPACKED, finishFlush: constants.Z_SYNC_FLUSH }),
  })),
  {
    form: 'zstd',
    magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]),
    unpack: (packed) =>
      zstdDecompressSync(packed.subarray(0, zstdFrameLength(packed)), { maxOutputLength: MAX_UNPACKED }),
  },
];
/** What follows a packed stream is not known; more than this is never part of one we look for. */
const MAX_PACKED = 256 * 1024;

/** Looks for many values in many forms in one pass over the bytes. */
export class Scanner {
  readonly #bits = new Uint8Array(2 ** BITS / 8);
  readonly #byHead = new Map<number, Needle[]>();

  constructor(values: ReadonlyMap<string, Buffer>) {
    for (const [name, value] of values) {
      if (value.length < 12) throw new TypeError('a value shorter than 12 bytes is found by chance');
      for (const { form, bytes } of needlesOf(value)) this.#add({ name, form, bytes });
    }
  }

  /** Every value found, each form once. */
  scan(data: Buffer): Hit[] {
    const found = new Map<string, Hit>();
    this.#scanInto(data, found, { depth: 0 });
    return [...found.values()];
  }

  #add(needle: Needle): void {
    const head = needle.bytes.readUInt32LE(0);
    const bit = hashOf(head);
    this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7));
    const same = this.#byHead.get(head);
    if (same) same.push(needle);
    else this.#byHead.set(head, [needle]);
  }

  #scanInto(
    data: Buffer,
    found: Map<string, Hit>,
    packed: { readonly depth: number; readonly as?: Form },
  ): void {
    const bits = this.#bits;
    for (let at = 0, end = data.length - 4; at <= end; at += 1) {
      const head =
        ((data[at] as number) |
          ((data[at + 1] as number) << 8) |
          ((data[at + 2] as number) << 16) |
          ((data[at + 3] as number) << 24)) >>>
        0;
      const bit = hashOf(head);
      if (((bits[bit >> 3] as number) & (1 << (bit & 7))) === 0) continue;
      for (const needle of this.#byHead.get(head) ?? []) {
        const after = at + needle.bytes.length;
        if (after > data.length || data.compare(needle.bytes, 0, needle.bytes.length, at, after) !== 0)
          continue;
        const form = packed.as ?? needle.form;
        found.set(`${needle.name} ${form}`, { name: needle.name, form });
      }
    }
    if (packed.depth < MAX_DEPTH) this.#unpack(data, found, packed.depth);
  }

  #unpack(data: Buffer, found: Map<string, Hit>, depth: number): void {
    for (const { form, magic, unpack } of UNPACKERS) {
      for (let at = data.indexOf(magic); at >= 0; at = data.indexOf(magic, at + 1)) {
        const unpacked = attempt(() => unpack(data.subarray(at, at + MAX_PACKED)));
        if (unpacked && unpacked.length > 0) this.#scanInto(unpacked, found, { depth: depth + 1, as: form });
      }
    }
  }
}

function hashOf(head: number): number {
  return (Math.imul(head, 0x9e3779b1) >>> (32 - BITS)) & MASK;
}

function attempt(unpack: () => Buffer): Buffer | null {
  try {
    return unpack();
  } catch {
    return null;
  }
}
