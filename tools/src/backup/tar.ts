/** A plain ustar archive, so that whoever has `age` and `tar` can open a backup without this software. */
const BLOCK = 512;
const END = Buffer.alloc(2 * BLOCK);
const MODE = '0000600';

/** Header and padding of one entry; its bytes come in between. */
export function tarHeader(name: string, size: number, mtime: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  if (Buffer.byteLength(name) > 100) throw new TypeError(`${name} is too long a name for an entry`);
  header.write(name, 0);
  header.write(MODE, 100);
  header.write('0000000', 108);
  header.write('0000000', 116);
  header.write(size.toString(8).padStart(11, '0'), 124);
  header.write(
    Math.floor(mtime / 1_000)
      .toString(8)
      .padStart(11, '0'),
    136,
  );
  header.write('0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

export const tarEnd = END;

/** As if the field of the sum itself held spaces. */
function checksum(header: Buffer): number {
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) if (index < 148 || index >= 156) sum += byte;
  return sum;
}

export interface TarEntry {
  readonly name: string;
  readonly size: number;
  /** To be read to its end before the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** Throws TypeError where the bytes are no archive of ours or end before it does. */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const input = new Input(source);
  for (;;) {
    const header = await input.exactly(BLOCK);
    if (header.every((byte) => byte === 0)) return void (await input.end());
    const sum = Number.parseInt(header.toString('latin1', 148, 154), 8);
    if (sum !== checksum(header)) throw new TypeError('not an archive');
    const name = header.toString(
      'utf8',
      0,
      header.indexOf(0) === -1 ? 100 : Math.min(header.indexOf(0), 100),
    );
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8);
    yield { name, size, body: input.take(size) };
    await input.exactly(tarPadding(size).length);
  }
}

/** Bytes of a stream in the portions somebody asks for. */
class Input {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.take(size)) parts.push(part);
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  async *take(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new TypeError('the archive ends too early');
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** To the end of what comes, so that whatever guards it has seen all of it. */
  async end(): Promise<void> {
    do if (this.#rest.some((byte) => byte !== 0)) throw new TypeError('something follows the archive');
    while (await this.#more());
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done) return false;
    this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }
}
