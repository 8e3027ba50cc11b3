import type { KeyProvider } from '@keyfleet/crypto';
import { type Clock, KeyfleetError } from '@keyfleet/kernel';
import type { Trail } from '../audit/trail.js';
import type { Keyring } from '../keys/keyring.js';
import type { NameGuard } from '../names/guard.js';
import type { PolicyKeeper } from '../policy/keeper.js';
import type { VaultStorage } from '../storage/port.js';
import type { Health } from './health.js';

/** What only an unsealed vault has. */
export interface Unsealed {
  readonly keyring: Keyring;
  readonly provider: KeyProvider;
}

export interface VaultParts {
  readonly storage: VaultStorage;
  readonly trail: Trail;
  readonly guard: NameGuard;
  readonly health: Health;
  readonly clock: Clock;
  readonly keys: VaultKeys;
  readonly policies: PolicyKeeper;
}

/** The keys, for as long as the vault is unsealed. */
export class VaultKeys {
  #open: Unsealed | undefined;

  unseal(open: Unsealed): void {
    this.#open = open;
  }

  /** Throws `vault.sealed`. */
  get open(): Unsealed {
    if (!this.#open) throw new KeyfleetError('vault.sealed');
    return this.#open;
  }

  /** Throws `vault.sealed`. */
  assertOpen(): void {
    void this.open;
  }

  seal(): void {
    this.#open?.keyring.close();
    this.#open?.provider.close();
    this.#open = undefined;
  }
}
