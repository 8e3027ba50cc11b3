import type { PolicyManifest } from '@keyfleet/contracts';
import { KeyfleetError } from '@keyfleet/kernel';
import type { PolicyChange, PolicyFiles, PolicyMemory } from '../policy/memory.js';
import { NO_POLICY, type PolicyRecord } from '../policy/state.js';
import type { NewEntry } from './memory-journal.js';

interface PoliciesOnDisk {
  readonly record: PolicyRecord;
  readonly kept: { readonly manifest: PolicyManifest; readonly bytes: Uint8Array } | undefined;
}

/** What a simulated agent keeps of policies: it survives its process, and costs little where thousands have the same. */
export class MemoryPolicies implements PolicyMemory {
  readonly #append: (events: readonly NewEntry[]) => void;
  readonly #share: (hash: string, bytes: Uint8Array) => Uint8Array;
  #disk: PoliciesOnDisk = { record: { revision: 0, state: NO_POLICY }, kept: undefined };

  /** `share` gives the same bytes to all who have a bundle of this name. */
  constructor(
    append: (events: readonly NewEntry[]) => void,
    share: (hash: string, bytes: Uint8Array) => Uint8Array = (_hash, bytes) => bytes,
  ) {
    this.#append = append;
    this.#share = share;
  }

  readonly files: PolicyFiles = {
    manifest: () => this.#disk.kept && JSON.stringify(this.#disk.kept.manifest),
    bundle: (hash) => (this.#disk.kept?.manifest.hash === hash ? this.#disk.kept.bytes : undefined),
    keep: (manifest, bytes) => {
      this.#disk = { ...this.#disk, kept: { manifest, bytes: this.#share(manifest.hash, bytes) } };
    },
    clear: () => {
      this.#disk = { ...this.#disk, kept: undefined };
    },
  };

  async record(): Promise<PolicyRecord> {
    return this.#disk.record;
  }

  async change(expected: number, { state, events }: PolicyChange): Promise<void> {
    const { revision } = this.#disk.record;
    if (expected !== revision) throw new KeyfleetError('revision.conflict');
    this.#disk = { ...this.#disk, record: { revision: revision + 1, state } };
    if (events.length > 0) this.#append(events);
  }

  image(): unknown {
    return this.#disk;
  }

  putBack(image: unknown): void {
    this.#disk = image as PoliciesOnDisk;
  }
}
