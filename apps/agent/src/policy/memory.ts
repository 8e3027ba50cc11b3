import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PolicyManifest } from '@keyfleet/contracts';
import { isKeyfleetError } from '@keyfleet/kernel';
import { readIfThere, writeDurably } from '../link/identity/files.js';
import type { PreparedEvent, VaultStorage } from '../storage/port.js';
import type { PolicyRecord, PolicyState } from './state.js';

/** What becomes of a state, and what is told of it; both or neither. */
export interface PolicyChange {
  readonly state: PolicyState;
  readonly events: readonly PreparedEvent[];
}

/** Where the last good manifest and its bundle lie. */
export interface PolicyFiles {
  /** The text; undefined where there is none. */
  manifest(): string | undefined;
  bundle(hash: string): Uint8Array | undefined;
  /** Both on the disk when it returns; killed in between, what was there before still belongs together. */
  keep(manifest: PolicyManifest, bundle: Uint8Array): void;
  clear(): void;
}

/** Everything a keeper of policies finds again after its process died. */
export interface PolicyMemory {
  readonly files: PolicyFiles;
  record(): Promise<PolicyRecord>;
  /**
   * State and events in one transaction, while the record stands at this revision; else `revision.conflict`, and
   * `vault.degraded` where the disk refuses.
   */
  change(expected: number, change: PolicyChange): Promise<void>;
}

/** Reads, changes and writes, again where somebody else was faster. Resolves to the state as it is then. */
export async function changeRecord(
  memory: Pick<PolicyMemory, 'record' | 'change'>,
  change: (state: PolicyState) => PolicyChange | undefined,
): Promise<PolicyState> {
  for (let attempt = 1; ; attempt += 1) {
    const { revision, state } = await memory.record();
    const next = change(state);
    try {
      if (next) await memory.change(revision, next);
      return next?.state ?? state;
    } catch (error) {
      if (attempt >= 8 || !isKeyfleetError(error, 'revision.conflict')) throw error;
    }
  }
}

/** The record as a vault's storage keeps it. */
export function recordIn(storage: Pick<VaultStorage, 'policyRecord' | 'apply'>) {
  return {
    record: () => storage.policyRecord(),
    change: (expected: number, { state, events }: PolicyChange) =>
      storage.apply({ policy: { expected, state }, events }),
  };
}

const BUNDLE = /^[0-9a-f]{64}\.json$/;

/** `policy/` in the agent's directory, readable by nobody else. */
export class PolicyFolder implements PolicyFiles {
  readonly #folder: string;

  constructor(directory: string) {
    this.#folder = join(directory, 'policy');
  }

  manifest(): string | undefined {
    return readIfThere(join(this.#folder, 'manifest.json'));
  }

  bundle(hash: string): Uint8Array | undefined {
    try {
      return readFileSync(join(this.#folder, `${hash}.json`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The bundle lies under its own name, so the rename of the manifest is the one moment of change. */
  keep(manifest: PolicyManifest, bundle: Uint8Array): void {
    writeDurably(join(this.#folder, `${manifest.hash}.json`), bundle);
    writeDurably(join(this.#folder, 'manifest.json'), `${JSON.stringify(manifest)}\n`);
    for (const name of readdirSync(this.#folder))
      if (BUNDLE.test(name) && name !== `${manifest.hash}.json`)
        rmSync(join(this.#folder, name), { force: true });
  }

  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
