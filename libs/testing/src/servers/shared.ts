import { join } from 'node:path';
import {
  createRoles,
  DATABASE_ROLES,
  type DatabaseRole,
  secretFile,
  startPostgres,
} from '@keyfleet/embedded';

/** What a worker is told about the shared PostgreSQL. */
export interface SharedPostgres {
  readonly superuserUrl: string;
  readonly passwords: Readonly<Record<DatabaseRole, string>>;
}

/** Runs in Jest's own process: the shared server and what the workers get to know about it. */
export async function startSharedServer(
  name: string,
  directory: string,
): Promise<{ answer: SharedPostgres; stop(): Promise<void> }> {
  if (name !== 'postgres') throw new Error(`There is no shared server called ${name}.`);
  const server = await startPostgres({ directory, settings: FAST });
  const passwords = Object.fromEntries(
    DATABASE_ROLES.map((role) => [role, secretFile(join(directory, role))]),
  ) as Record<DatabaseRole, string>;
  await createRoles(server, passwords);
  return { answer: { superuserUrl: server.url, passwords }, stop: () => server.stop('immediate') };
}

/** The data dies with the run, so nothing needs to reach the disk. */
const FAST = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '400',
  autovacuum: 'off',
};
