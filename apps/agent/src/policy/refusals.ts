import type { PolicyManifest } from '@keyfleet/contracts';
import type { Refusal } from './judge.js';
import { MAX_REFUSALS } from './state.js';

const PER_HOUR = 20;
const HOUR_MS = 3_600_000;

export type Refused = Pick<PolicyManifest, 'version' | 'hash'> & { readonly code: Refusal };

/**
 * Which refusals are told: each once, and no more than so many in an hour. Whoever can reach the agent's subject needs
 * no key to be refused, and must not fill its journal.
 */
export class RefusalLimit {
  #hour = 0;
  #count = 0;

  /** What is remembered then; undefined where this is not to be told. */
  admit(remembered: readonly string[], refused: Refused, now: number): string[] | undefined {
    const text = textOf(refused);
    if (remembered.includes(text)) return undefined;
    const hour = Math.floor(now / HOUR_MS);
    if (hour !== this.#hour) this.#count = 0;
    this.#hour = hour;
    this.#count += 1;
    return this.#count > PER_HOUR ? undefined : [...remembered, text].slice(-MAX_REFUSALS);
  }
}

/**
 * Bundles this process could make nothing of: named by their content, they stay that. Another process may be of a newer
 * version that reads more, so it tries each once again, whatever was refused before it.
 */
export class Unreadable {
  readonly #names = new Set<string>();

  add(manifest: Pick<PolicyManifest, 'version' | 'hash'>): void {
    const [oldest] = this.#names;
    if (this.#names.size >= MAX_REFUSALS && oldest !== undefined) this.#names.delete(oldest);
    this.#names.add(nameOf(manifest));
  }

  has(manifest: Pick<PolicyManifest, 'version' | 'hash'>): boolean {
    return this.#names.has(nameOf(manifest));
  }
}

function nameOf({ version, hash }: Pick<PolicyManifest, 'version' | 'hash'>): string {
  return `${version} ${hash}`;
}

function textOf({ code, ...manifest }: Refused): string {
  return `${nameOf(manifest)} ${code}`;
}

/** Of other versions: one that is in force now is no longer refused. */
export function withoutVersion(remembered: readonly string[], version: number): string[] {
  return remembered.filter((text) => !text.startsWith(`${version} `));
}

export function isRemembered(remembered: readonly string[], refused: Refused): boolean {
  return remembered.includes(textOf(refused));
}
