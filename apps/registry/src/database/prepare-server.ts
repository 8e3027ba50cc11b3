import { createDatabase, createRoles } from '@keyfleet/embedded';
import { closeSql, createSql } from '@keyfleet/postgres';

export interface ServerToPrepare {
  /** A superuser's. */
  readonly adminUrl: string;
  /** Names the database. */
  readonly ownerUrl: string;
  /** By role without `kf_`; a role without one is left as it is. */
  readonly passwords: Readonly<Record<string, string | undefined>>;
}

/** Roles and database of an installation on a server of one's own; what is there already stays. */
export async function prepareServer({ adminUrl, ownerUrl, passwords }: ServerToPrepare): Promise<void> {
  const given = Object.entries(passwords).flatMap(([role, password]) =>
    password === undefined ? [] : [[`kf_${role}`, password] as const],
  );
  await createRoles({ url: adminUrl }, Object.fromEntries(given));
  const database = decodeURIComponent(new URL(ownerUrl).pathname.slice(1));
  const made = await createDatabase({ url: adminUrl }, database, { owner: 'kf_owner' });
  if (!made) await handOver(adminUrl, database);
}

/** A database that came with the server belongs to whoever made it; migrations create schemas in it. */
async function handOver(adminUrl: string, database: string): Promise<void> {
  const sql = createSql({ url: adminUrl, applicationName: 'keyfleet-migrate', max: 1 });
  try {
    await sql`alter database ${sql(database)} owner to kf_owner`;
  } finally {
    await closeSql(sql);
  }
}
