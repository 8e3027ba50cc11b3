/** An event as the double keeps it. */
export interface Kept {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
  /** Milliseconds since 1970, by the server's own clock. */
  readonly created: number;
}

export type Proposed = Pick<Kept, 'id' | 'type' | 'contentType' | 'data' | 'metadata'>;
export type Expected = 'any' | 'no-stream' | 'exists' | number;

export type Outcome =
  | { readonly kind: 'written'; readonly last: Kept }
  | { readonly kind: 'conflict'; readonly current: number }
  | { readonly kind: 'too-large' };

/** `--max-append-size`, whose default is 1 MiB: data, metadata and the name of the type in UTF-16. */
export const MAX_APPEND_SIZE = 1024 * 1024;

/** What the server has on disk. Outlives a restart of the double. */
export class ServerLog {
  readonly all: Kept[] = [];
  readonly #streams = new Map<string, Kept[]>();
  readonly #watchers = new Set<() => void>();
  #end = 4_096;
  /** Added to the clock: a test lets time pass, or steps it back as another leader's clock would. */
  shiftMs = 0;
  /** Asked at each append: the call breaks before it is written, after it (the answer is lost), or not at all. */
  breaks: () => 'before' | 'after' | undefined = () => undefined;

  append(stream: string, expected: Expected, events: readonly Proposed[]): Outcome {
    const size = events.reduce((sum, e) => sum + e.data.length + e.metadata.length + 2 * e.type.length, 0);
    if (size > MAX_APPEND_SIZE) return { kind: 'too-large' };
    const kept = this.#streams.get(stream) ?? [];
    const current = kept.length - 1;
    const at = expected === 'no-stream' ? -1 : expected;
    if (typeof at === 'number' && at !== current) {
      const same = events.every(({ id }, n) => kept[at + 1 + n]?.id === id);
      const last = kept[at + events.length];
      return at < current && same && last ? { kind: 'written', last } : { kind: 'conflict', current };
    }
    if (at === 'exists' && current < 0) return { kind: 'conflict', current };
    for (const event of events) this.#write(stream, kept, event);
    this.#streams.set(stream, kept);
    for (const watcher of this.#watchers) watcher();
    return { kind: 'written', last: kept.at(-1) as Kept };
  }

  #write(stream: string, kept: Kept[], event: Proposed): void {
    const one: Kept = {
      ...event,
      stream,
      revision: kept.length,
      position: this.#end,
      created: Date.now() + this.shiftMs,
    };
    // A position is an offset in bytes: it grows by what a record takes, never by one.
    this.#end += 90 + event.data.length + event.metadata.length + stream.length;
    kept.push(one);
    this.all.push(one);
  }

  /** As a reader of the stream gets it: without what its metadata gives up; `undefined` where there is none. */
  stream(name: string): readonly Kept[] | undefined {
    const kept = this.#streams.get(name);
    const newest = this.#streams.get(`$$${name}`)?.at(-1);
    const first = newest ? Number(JSON.parse(Buffer.from(newest.data).toString())['$tb'] ?? 0) : 0;
    return kept?.slice(first);
  }

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** What a scavenge does: the log loses what stream metadata gave up, except a stream's newest event. */
  scavenge(): void {
    const gone = new Set<Kept>();
    for (const [name, kept] of this.#streams) {
      const left = new Set(this.stream(name));
      for (const event of kept.slice(0, -1)) if (!left.has(event)) gone.add(event);
    }
    for (let n = this.all.length - 1; n >= 0; n--) if (gone.has(this.all[n] as Kept)) this.all.splice(n, 1);
  }

  /** The server was put back to an earlier time. */
  forgetAfter(position: number): void {
    while ((this.all.at(-1)?.position ?? 0) > position) {
      const one = this.all.pop() as Kept;
      this.#streams.get(one.stream)?.pop();
    }
  }
}
