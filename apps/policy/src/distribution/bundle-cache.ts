import { BUNDLE_CHUNK_BYTES, MAX_PUSHED_BUNDLE_BYTES, type RpcPolicyReply } from '@keyfleet/contracts';
import type { Sql } from '@keyfleet/postgres';
import { LRUCache } from 'lru-cache';

/** A bundle as it goes out: each piece encoded once, however many agents ask for it. */
export interface StoredBundle {
  readonly total: number;
  /** The answer for a piece that begins here; `null` where nothing begins. */
  at(offset: number): Uint8Array | null;
  /** In base64, as it goes with a push; `null` where it is too large for that. */
  readonly enclosed: string | null;
}

const CACHE_BYTES = 64 * 1024 * 1024;
/** Who asks for what is not there asks again only after this long. */
const ABSENT_MS = 1_000;

/** Bundles of the database, by organisation and hash: no agent gets one of another organisation. */
export class BundleCache {
  readonly #sql: Sql;
  readonly #known = new LRUCache<string, StoredBundle | Absent>({
    maxSize: CACHE_BYTES,
    // The pieces and what goes with a push are base64 beside the bytes.
    sizeCalculation: (bundle) => (bundle === ABSENT ? 100 : (bundle as StoredBundle).total * 4 + 1_000),
  });
  readonly #asking = new Map<string, Promise<StoredBundle | null>>();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Of the cache, where it is there. */
  peek(orgId: string, hash: string): StoredBundle | null | undefined {
    const known = this.#known.get(`${orgId} ${hash}`);
    return known === ABSENT ? null : (known as StoredBundle | undefined);
  }

  /** `null` where this organisation has no such bundle. Whoever asks at the same time shares one look. */
  find(orgId: string, hash: string): Promise<StoredBundle | null> {
    const key = `${orgId} ${hash}`;
    const asking = this.#asking.get(key) ?? this.#read(orgId, hash).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  /** Those of these bundles that are small enough to go with a push, in base64, by hash. One look for all of them. */
  async small(
    orgId: string,
    wanted: Iterable<{ readonly hash: string; readonly bytes: number }>,
  ): Promise<ReadonlyMap<string, string>> {
    const hashes = new Set(
      [...wanted].flatMap(({ hash, bytes }) => (bytes > MAX_PUSHED_BUNDLE_BYTES ? [] : [hash])),
    );
    const unknown = [...hashes].filter((hash) => !this.peek(orgId, hash));
    if (unknown.length > 0) await this.#readAll(orgId, unknown);
    return new Map(
      [...hashes].flatMap((hash): [string, string][] => {
        const enclosed = this.peek(orgId, hash)?.enclosed;
        return enclosed ? [[hash, enclosed]] : [];
      }),
    );
  }

  async #readAll(orgId: string, hashes: readonly string[]): Promise<void> {
    const rows = await this.#sql<{ hash: string; bytes: Uint8Array }[]>`
      select hash, bytes from policy.bundles
      where org_id = ${orgId} and hash = any(${hashes as string[]}::text[]) and bytes is not null`;
    for (const { hash, bytes } of rows)
      this.#known.set(`${orgId} ${hash}`, storedBundle(hash, Buffer.from(bytes)));
  }

  async #read(orgId: string, hash: string): Promise<StoredBundle | null> {
    const [row] = await this.#sql<{ bytes: Uint8Array }[]>`
      select bytes from policy.bundles where org_id = ${orgId} and hash = ${hash} and bytes is not null`;
    const found = row ? storedBundle(hash, Buffer.from(row.bytes)) : null;
    this.#known.set(`${orgId} ${hash}`, found ?? ABSENT, found ? {} : { ttl: ABSENT_MS });
    return found;
  }
}

const ABSENT = Symbol('no such bundle');
type Absent = typeof ABSENT;

function storedBundle(hash: string, bytes: Buffer): StoredBundle {
  const total = bytes.byteLength;
  const pieces = new Map<number, Uint8Array>();
  const encode = (offset: number): Uint8Array => {
    const data = bytes.subarray(offset, offset + BUNDLE_CHUNK_BYTES).toString('base64');
    return Buffer.from(JSON.stringify({ hash, offset, total, data } satisfies RpcPolicyReply));
  };
  return {
    total,
    enclosed: total > MAX_PUSHED_BUNDLE_BYTES ? null : bytes.toString('base64'),
    at: (offset) => {
      if (offset >= total) return null;
      if (offset % BUNDLE_CHUNK_BYTES !== 0) return encode(offset);
      const known = pieces.get(offset) ?? encode(offset);
      pieces.set(offset, known);
      return known;
    },
  };
}
