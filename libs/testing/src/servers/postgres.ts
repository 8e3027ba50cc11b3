import { randomBytes } from 'node:crypto';
import { createDatabase, type DatabaseRole, dropDatabase, urlAs, urlOfDatabase } from '@keyfleet/embedded';
import postgres from 'postgres';
import { askForServer } from './run.js';
import type { SharedPostgres } from './shared.js';

export interface TestDatabase {
  readonly name: string;
  /** As `kf_owner`, who owns the database and runs the migrations. */
  readonly url: string;
  readonly superuserUrl: string;
  /** As another of the installation's roles, for example `urlFor('kf_reader')`. */
  urlFor(role: DatabaseRole): string;
  /** Ends every session and drops the database. */
  drop(): Promise<void>;
}

export interface TestDatabaseOptions {
  /**
   * Prepared once per run (for example: migrated) and copied for each database. The key names what `prepare` makes;
   * `prepare` must close its connections.
   */
  readonly template?: {
    readonly key: string;
    prepare(database: Omit<TestDatabase, 'drop'>): Promise<void>;
  };
}

export interface TestPostgres {
  /** The superuser's URL to the maintenance database of the shared server. */
  readonly superuserUrl: string;
  createTestDatabase(options?: TestDatabaseOptions): Promise<TestDatabase>;
}

/** The PostgreSQL all tests of a run share; it starts when first asked for. It does not sync to disk: a test of durability starts its own. */
export async function testPostgres(): Promise<TestPostgres> {
  const shared = (await askForServer('postgres')) as SharedPostgres;
  return {
    superuserUrl: shared.superuserUrl,
    createTestDatabase: (options = {}) => create(shared, options),
  };
}

/** An empty (or, with a template, prepared) database of its own for one test or one spec file. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  return (await testPostgres()).createTestDatabase(options);
}

async function create(shared: SharedPostgres, options: TestDatabaseOptions): Promise<TestDatabase> {
  const access = { url: shared.superuserUrl };
  const name = `test_${randomBytes(8).toString('hex')}`;
  const template = options.template ? await prepareTemplate(shared, options.template) : undefined;
  await createDatabase(access, name, { template, owner: 'kf_owner' });
  return { ...describe(shared, name), drop: () => dropDatabase(access, name) };
}

function describe(shared: SharedPostgres, name: string): Omit<TestDatabase, 'drop'> {
  const superuserUrl = urlOfDatabase(shared.superuserUrl, name);
  const urlFor = (role: DatabaseRole): string => urlAs(superuserUrl, role, shared.passwords[role]);
  return { name, url: urlFor('kf_owner'), superuserUrl, urlFor };
}

/** Under a lock: workers ask for the same template at the same time. A half-prepared one of a failed attempt is thrown away. */
async function prepareTemplate(
  shared: SharedPostgres,
  template: NonNullable<TestDatabaseOptions['template']>,
): Promise<string> {
  const access = { url: shared.superuserUrl };
  const name = `template_${template.key.replace(/[^a-z0-9_]/gi, '_')}`;
  const sql = postgres(shared.superuserUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(hashtext(${name}))`;
    const [found] = await sql`select datistemplate from pg_database where datname = ${name}`;
    if (found?.datistemplate) return name;
    await dropDatabase(access, name);
    await createDatabase(access, name, { owner: 'kf_owner' });
    await template.prepare(describe(shared, name));
    await sql`alter database ${sql(name)} is_template true`;
    return name;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
