import postgres from 'postgres';
import { scramVerifier } from './scram.js';

export interface DatabaseOptions {
  /** Copied whole; nobody may be connected to it meanwhile. */
  readonly template?: string;
  readonly owner?: string;
}

/** What these functions need of a server: any PostgreSQL will do. */
export interface SuperuserAccess {
  readonly url: string;
}

/** Creates a database; false if it existed. */
export async function createDatabase(
  server: SuperuserAccess,
  name: string,
  options: DatabaseOptions = {},
): Promise<boolean> {
  return asSuperuser(server, async (sql) => {
    const [found] = await sql`select 1 from pg_database where datname = ${name}`;
    if (found) return false;
    const template = options.template ? sql`template ${sql(options.template)}` : sql``;
    const owner = options.owner ? sql`owner ${sql(options.owner)}` : sql``;
    await sql`create database ${sql(name)} ${template} ${owner}`;
    return true;
  });
}

/** Ends its sessions and drops it, if it is there. */
export async function dropDatabase(server: SuperuserAccess, name: string): Promise<void> {
  await asSuperuser(server, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
}

/** Makes each role a plain login with this password: no superuser, no bypass of row security, no right to create anything. */
export async function createRoles(
  server: SuperuserAccess,
  passwords: Readonly<Record<string, string>>,
): Promise<void> {
  await asSuperuser(server, async (sql) => {
    for (const [role, password] of Object.entries(passwords)) {
      const [found] = await sql`select 1 from pg_roles where rolname = ${role}`;
      if (!found) await sql`create role ${sql(role)}`;
      // It can only stand in the statement, and statements may be logged: so what stands there is no password.
      const [row] = await sql`
        select format('alter role %I login nosuperuser nobypassrls nocreaterole nocreatedb noreplication password %L',
                      ${role}::text, ${scramVerifier(password)}::text) as statement`;
      await sql.unsafe(String(row?.statement));
    }
  });
}

/** The same server and database as another role. */
export function urlAs(url: string, role: string, password: string): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(role);
  changed.password = encodeURIComponent(password);
  return changed.href;
}

/** The same server and role in another database. */
export function urlOfDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(database)}`;
  return changed.href;
}

async function asSuperuser<T>(server: SuperuserAccess, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
