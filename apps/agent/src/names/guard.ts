import { keyedHash, nameReference } from '@keyfleet/crypto';

/** Shorter values would hit ordinary words; longer ones than any name cannot be one. */
const MIN_VALUE_BYTES = 8;
const MAX_NAME_BYTES = 256;
const MAX_REMEMBERED = 10_000;

export type NameField = 'path' | 'principal' | 'group' | 'client';

const SEPARATOR: Record<NameField, RegExp> = {
  path: /\//,
  principal: /[:/@]/,
  group: /[:/@]/,
  client: /\//,
};

export interface NameFinding {
  readonly field: NameField;
  readonly match: string;
}

/** A value about to become current: it counts already, so that not even the event about it names it. */
export interface StagedValue {
  commit(path: string): void;
  discard(): void;
}

/**
 * Keeps values out of names: whatever name is about to leave the agent is compared, whole and by segment, with keyed
 * hashes of all current values. Nothing but those hashes is kept, and they die with the key.
 */
export class NameGuard {
  readonly #hashPaths: boolean;
  #key: Buffer | undefined;
  /** How many current values have this hash. */
  readonly #values = new Map<string, number>();
  readonly #byPath = new Map<string, readonly string[]>();
  readonly #clean = new Set<string>();
  readonly #told = new Set<string>();

  /** `hashPaths`: secret names never leave the agent in the clear. */
  constructor(options: { readonly hashPaths: boolean }) {
    this.#hashPaths = options.hashPaths;
  }

  /** Takes the key over. Without one there are no names to give: see `sealed`. */
  open(key: Buffer): void {
    this.#key = key;
  }

  close(): void {
    this.#key?.fill(0);
    this.#key = undefined;
    for (const kept of [this.#values, this.#byPath, this.#clean, this.#told]) kept.clear();
  }

  get sealed(): boolean {
    return this.#key === undefined;
  }

  stage(value: Buffer): StagedValue {
    const hashes = this.#hashesOf(value);
    for (const hash of hashes) this.#values.set(hash, (this.#values.get(hash) ?? 0) + 1);
    if (hashes.length > 0) this.#clean.clear();
    return {
      commit: (path) => {
        this.forget(path);
        if (hashes.length > 0) this.#byPath.set(path, hashes);
      },
      discard: () => this.#release(hashes),
    };
  }

  /** The secret is gone, or has another value now. */
  forget(path: string): void {
    this.#release(this.#byPath.get(path) ?? []);
    this.#byPath.delete(path);
  }

  /** What was found was not journaled after all: the next one who meets it tells again. */
  tellAgain(): void {
    this.#told.clear();
  }

  /** Names for one change; what it finds on the way is to be journaled with it. */
  names(): GuardedNames {
    if (!this.#key) throw new Error('names are given out with the key at hand only');
    return new GuardedNames((field, name) => this.#reference(field, name));
  }

  #reference(field: NameField, name: string): { reference: string; finding?: NameFinding } {
    const key = this.#key as Buffer;
    const always = field === 'path' && this.#hashPaths;
    if (!this.#isValue(key, field, name)) return { reference: always ? nameReference(key, name) : name };
    const match = nameReference(key, name);
    const telling = `${field} ${match}`;
    if (this.#told.has(telling)) return { reference: match };
    if (this.#told.size >= MAX_REMEMBERED) this.#told.clear();
    this.#told.add(telling);
    return { reference: match, finding: { field, match } };
  }

  #isValue(key: Buffer, field: NameField, name: string): boolean {
    const known = `${field} ${name}`;
    if (this.#clean.has(known)) return false;
    const parts = new Set([name, ...name.split(SEPARATOR[field])]);
    for (const part of parts)
      if (Buffer.byteLength(part) >= MIN_VALUE_BYTES && this.#values.has(keyedHash(key, part))) return true;
    if (this.#clean.size >= MAX_REMEMBERED) this.#clean.clear();
    this.#clean.add(known);
    return false;
  }

  /** Of the value and, where it ends in line breaks as files do, of the value without them. */
  #hashesOf(value: Buffer): string[] {
    if (!this.#key) return [];
    let end = value.length;
    while (end > 0 && (value[end - 1] === 0x0a || value[end - 1] === 0x0d)) end -= 1;
    const key = this.#key;
    const forms = end === value.length ? [value] : [value, value.subarray(0, end)];
    return forms
      .filter(({ length }) => length >= MIN_VALUE_BYTES && length <= MAX_NAME_BYTES)
      .map((form) => keyedHash(key, form));
  }

  #release(hashes: readonly string[]): void {
    for (const hash of hashes) {
      const count = (this.#values.get(hash) ?? 0) - 1;
      if (count > 0) this.#values.set(hash, count);
      else this.#values.delete(hash);
    }
  }
}

type Refer = (field: NameField, name: string) => { reference: string; finding?: NameFinding };

/** Turns names into what may stand on an event: the name, or its keyed hash. */
export class GuardedNames {
  readonly #refer: Refer;
  readonly findings: NameFinding[] = [];

  constructor(refer: Refer) {
    this.#refer = refer;
  }

  path(name: string): string {
    return this.#give('path', name);
  }

  principal(name: string): string {
    return this.#give('principal', name);
  }

  group(name: string): string {
    return this.#give('group', name);
  }

  client(name: string): string {
    return this.#give('client', name);
  }

  #give(field: NameField, name: string): string {
    const { reference, finding } = this.#refer(field, name);
    if (finding) this.findings.push(finding);
    return reference;
  }
}
