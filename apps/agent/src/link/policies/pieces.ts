import type { PolicyManifest } from '@keyfleet/contracts';

/** A bundle on its way: what has come of it stays over a lost connection, and never grows beyond what was announced. */
export class Pieces {
  readonly hash: string;
  readonly #bytes: Buffer;
  #have = 0;

  /** Of a manifest that was judged: its size is one we take. */
  constructor({ hash, bytes }: Pick<PolicyManifest, 'hash' | 'bytes'>) {
    this.hash = hash;
    this.#bytes = Buffer.alloc(bytes);
  }

  /** Where to go on. */
  get offset(): number {
    return this.#have;
  }

  get complete(): boolean {
    return this.#have === this.#bytes.length;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** False for a piece that is not the next one of this bundle. */
  add(piece: {
    readonly hash: string;
    readonly offset: number;
    readonly total: number;
    readonly data: string;
  }): boolean {
    const data = Buffer.from(piece.data, 'base64');
    const fits = piece.total === this.#bytes.length && this.#have + data.length <= piece.total;
    if (piece.hash !== this.hash || piece.offset !== this.#have || data.length === 0 || !fits) return false;
    data.copy(this.#bytes, this.#have);
    this.#have += data.length;
    return true;
  }

  /** What came is not what was announced: from the beginning, should it be asked for again. */
  forget(): void {
    this.#have = 0;
  }
}
