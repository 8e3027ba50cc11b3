import { LATENCY_BUCKETS_MS } from '@keyfleet/contracts';
import type { SealState } from '../storage/port.js';

export type StorageState = 'ok' | 'degraded';

/** How the vault is, in the words of a heartbeat. */
export class Health {
  #storage: StorageState = 'ok';
  #seal: SealState = 'sealed';
  readonly #latency = new Array<number>(LATENCY_BUCKETS_MS.length + 1).fill(0);
  readonly #listeners = new Set<() => void>();

  get storage(): StorageState {
    return this.#storage;
  }

  set storage(state: StorageState) {
    const changed = this.#storage !== state;
    this.#storage = state;
    if (changed) this.#announce();
  }

  get seal(): SealState {
    return this.#seal;
  }

  set seal(state: SealState) {
    const changed = this.#seal !== state;
    this.#seal = state;
    if (changed) this.#announce();
  }

  /** Requests per bucket since the start. */
  get latency(): readonly number[] {
    return [...this.#latency];
  }

  took(ms: number): void {
    const found = LATENCY_BUCKETS_MS.findIndex((bound) => ms <= bound);
    const bucket = found < 0 ? LATENCY_BUCKETS_MS.length : found;
    this.#latency[bucket] = (this.#latency[bucket] ?? 0) + 1;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #announce(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }
}
