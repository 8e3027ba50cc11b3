import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DatabaseRole, urlOfDatabase } from '@keyfleet/embedded';
import { closeSql, createSql, type Sql, transaction } from '@keyfleet/postgres';
import type { Stack } from '../../e2e/stack.js';
import { MARKED } from './fill.js';
import { sameRows } from './same-rows.js';

const EVENTS = 'analytics.events';

/** The URL the launcher wrote for a role. */
export function roleUrl(stack: Stack, role: DatabaseRole): string {
  return readFileSync(join(stack.directory, '.keyfleet/secrets', `database-${role}-url`), 'utf8').trim();
}

/** What the proof looks at behind the product's back, as its superuser. */
export class Database {
  readonly #sql: Sql;

  constructor(stack: Stack) {
    const { pathname } = new URL(roleUrl(stack, 'kf_worker'));
    const url = urlOfDatabase(stack.run.postgres.url, pathname.slice(1));
    this.#sql = createSql({ url, applicationName: 'proof', max: 2 });
  }

  close(): Promise<void> {
    return closeSql(this.#sql, 1_000);
  }

  async positionOf(projection: string, version: number): Promise<bigint> {
    const [row] = await this.#sql<{ position: string | null }[]>`
      select position from projections.checkpoints where projection = ${projection} and version = ${version}`;
    return BigInt(row?.position ?? 0);
  }

  /** Spoils the rows in use, in both tables in one transaction: a rebuild makes them new, so each row tells its version. */
  async spoil(): Promise<void> {
    const tables = await Promise.all(
      [EVENTS, 'analytics.installation_events'].map((name) => this.#inUse(name)),
    );
    await transaction(this.#sql, async (tx) => {
      for (const table of tables)
        await tx`update ${tx(table)} set data = '{"mark":"old"}' where type = ${MARKED}`;
    });
  }

  async sameRows(projection: string): Promise<boolean> {
    const upTo = await this.positionOf(projection, -1);
    return sameRows(this.#sql, { projection, upTo, rows: projection === EVENTS ? 'events' : 'agents' });
  }

  async #inUse(logical: string): Promise<string> {
    const [row] = await this.#sql<{ physical: string }[]>`
      select physical from projections.tables where projection = ${EVENTS} and logical = ${logical} and version > 0`;
    if (!row) throw new Error(`${logical} has no table`);
    return row.physical;
  }
}
