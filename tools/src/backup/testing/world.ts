import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { analyticsMigrations } from '@keyfleet/analytics/read-model';
import { type DatabaseRole, dropDatabase } from '@keyfleet/embedded';
import type { EventStore, NewEvent } from '@keyfleet/event-store';
import { createPostgresEventStore } from '@keyfleet/event-store/postgres';
import { newId } from '@keyfleet/platform';
import {
  policyDistributionMigrations,
  policyMigrations,
  policyNamesMigrations,
} from '@keyfleet/policy/read-model';
import { closeSql, createSql } from '@keyfleet/postgres';
import { type MigrationSet, migrate } from '@keyfleet/read-store';
import { createTestDatabase, TestClock, type TestDatabase, temporaryDirectory } from '@keyfleet/testing';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { restoringName } from '../databases.js';
import type { Place } from '../place.js';
import { type RestoreOptions, restore } from '../restore.js';
import { type BackupOptions, writeBackup } from '../write.js';

/** Those of the registry are loaded late: tools import no app, and only a spec needs them in its own process. */
export async function allMigrations(): Promise<readonly MigrationSet[]> {
  const root = fileURLToPath(new URL('../../../../', import.meta.url));
  const path = join(root, 'apps/registry/src/database/migration-sets.ts');
  const { REGISTRY_MIGRATIONS } = (await import(path)) as { REGISTRY_MIGRATIONS: readonly MigrationSet[] };
  return [
    ...REGISTRY_MIGRATIONS,
    analyticsMigrations,
    policyMigrations,
    policyDistributionMigrations,
    policyNamesMigrations,
  ];
}

/** An installation as far as a backup is concerned: a migrated database and a folder of keys. */
export class World {
  readonly place: Place;
  readonly directory: string;
  readonly installationId: string;
  readonly clock = new TestClock();
  readonly #database: TestDatabase;
  readonly #stores: EventStore[] = [];

  private constructor(database: TestDatabase, directory: string, installationId: string) {
    this.#database = database;
    this.directory = directory;
    this.installationId = installationId;
    this.place = {
      url: (role) => (role === 'admin' ? database.superuserUrl : database.urlFor(`kf_${role}`)),
      database: database.name,
      authority: join(directory, 'authority'),
      path: (name) => join(directory, ...name.split('/')),
      close: async () => {},
    };
  }

  /** Without keys it is a machine that has nothing yet. */
  static async make(
    options: { readonly keys?: boolean; readonly installationId?: string } = {},
  ): Promise<World> {
    const database = await createTestDatabase({
      template: {
        key: 'backup',
        prepare: async ({ url }) => void (await migrate({ ownerUrl: url, sets: await allMigrations() })),
      },
    });
    const world = new World(database, temporaryDirectory('backup'), options.installationId ?? newId('ins'));
    if (options.keys !== false) {
      world.write('authority/installation.json', JSON.stringify({ id: world.installationId }));
      world.write('authority/ca.key', randomBytes(48).toString('base64'));
      world.write('authority/root/operator.nk', randomBytes(48).toString('base64'));
      world.write('secrets/cursor-secret', randomBytes(32).toString('base64'));
    }
    return world;
  }

  write(name: string, text: string): void {
    const path = this.place.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
  }

  url(role: DatabaseRole): string {
    return this.#database.urlFor(role);
  }

  store(): EventStore {
    const store = createPostgresEventStore({ url: this.url('kf_store'), name: 'test' });
    this.#stores.push(store);
    return store;
  }

  /** No service is connected while a restore runs. */
  async disconnect(): Promise<void> {
    await Promise.all(this.#stores.splice(0).map((store) => store.close()));
  }

  async query<T extends object>(role: DatabaseRole, statement: string): Promise<T[]> {
    const sql = createSql({ url: this.url(role), applicationName: 'test-query', max: 1 });
    try {
      return [...(await sql.unsafe<T[]>(statement))];
    } finally {
      await closeSql(sql);
    }
  }

  backup(changes: Partial<BackupOptions> & Pick<BackupOptions, 'lock'>) {
    const output = join(this.directory, `${newId('cmd')}.age`);
    return writeBackup({ place: this.place, output, version: '0.1.0', ...changes }).then((done) => ({
      ...done,
      output,
    }));
  }

  restore(changes: Pick<RestoreOptions, 'file' | 'key'> & Partial<RestoreOptions>) {
    const given: RestoreOptions = {
      place: this.place,
      clock: this.clock,
      migrate: async (ownerUrl, upTo) =>
        void (await migrate({ ownerUrl, upTo, sets: await allMigrations() })),
      ...changes,
    };
    return restore(given);
  }

  async databases(): Promise<string[]> {
    const rows = await this.query<{ datname: string }>(
      'kf_owner',
      `select datname from pg_database where starts_with(datname, '${this.place.database}') order by 1`,
    );
    return rows.map(({ datname }) => datname);
  }

  async drop(): Promise<void> {
    await this.disconnect();
    const names = await this.databases().catch(() => [this.place.database]);
    for (const name of [...names, restoringName(this.place.database)])
      await dropDatabase({ url: this.#database.superuserUrl.replace(/\/[^/]*$/, '/postgres') }, name);
  }
}

export async function newKey(): Promise<{ recipient: string; identity: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export function event(type: string, data: object, more: Partial<NewEvent['metadata']> = {}): NewEvent {
  const at = '2026-01-01T00:00:00.000Z';
  return { id: newId('evt'), type, v: 1, data, metadata: { orgId: null, actor: 'svc_test', at, ...more } };
}
