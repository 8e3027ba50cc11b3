import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import type { Caller } from '../access/caller.js';
import type { AuditEntry } from '../audit/entry.js';
import { type AgentVault, createVault, type VaultOptions } from './create.js';
import { fileKeyProvider } from './seal.js';

/** A real vault in a directory of its own, enrolled, with test time. */
export class VaultFixture {
  readonly directory = mkdtempSync(join(tmpdir(), 'keyfleet-vault-'));
  readonly clock = new TestClock();
  readonly failures: unknown[] = [];
  readonly identity = { orgId: newId('org'), agentId: newId('agt'), epoch: 1, prev: GENESIS_HASH };
  agent!: AgentVault;

  get vault() {
    return this.agent.vault;
  }

  get masterKeyFile(): string {
    return join(this.directory, 'master.key');
  }

  get file(): string {
    return join(this.directory, 'vault.db');
  }

  static async open(over: Partial<VaultOptions> = {}): Promise<VaultFixture> {
    const fixture = new VaultFixture();
    await fixture.start(over);
    fixture.agent.journal.identify(fixture.identity);
    return fixture;
  }

  async start(over: Partial<VaultOptions> = {}): Promise<void> {
    this.agent = createVault({
      file: this.file,
      clock: this.clock,
      hashPaths: false,
      onFailure: (error) => this.failures.push(error),
      ...over,
    });
    await this.agent.unseal(({ storage }) => fileKeyProvider(storage, this.masterKeyFile));
    await this.agent.tellSeal();
  }

  async restart(over: Partial<VaultOptions> = {}): Promise<void> {
    await this.agent.close();
    await this.start(over);
  }

  async destroy(): Promise<void> {
    await this.agent.close();
    rmSync(this.directory, { recursive: true });
  }

  events(): JournalEntry[] {
    return this.agent.journal.pending({ entries: 10_000, bytes: 1e9 });
  }

  /** Type and data of what was journaled, in order. */
  told(): [string, JournalEntry['data']][] {
    return this.events().map(({ type, data }) => [type, data]);
  }

  /** Oldest first. */
  async audit(): Promise<AuditEntry[]> {
    return (await this.agent.parts.storage.audit({ limit: 10_000 })).reverse();
  }

  put(path: string, value: string, over: { expectedVersion?: number; caller?: Caller } = {}) {
    const { caller: who = caller(), ...rest } = over;
    return this.vault.put(who, { path, value: Buffer.from(value), ...rest });
  }

  async read(path: string, version?: number): Promise<string> {
    const { value } = await this.vault.value(caller(), path, version);
    return value.toString();
  }
}

export function caller(over: Partial<Caller> = {}): Caller {
  return {
    credential: 'known',
    principal: 'app:billing',
    groups: ['payments'],
    grants: [{ prefix: '', actions: ['*'] }],
    method: 'api-key',
    address: '10.1.2.3',
    client: 'curl/8.1',
    traceId: 'ab'.repeat(16),
    ...over,
  };
}

export const stranger = caller({
  credential: 'unknown',
  principal: 'anonymous',
  groups: [],
  grants: [],
  method: 'none',
});
