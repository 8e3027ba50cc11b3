import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import postgres from 'postgres';

const DATABASE = join(
  dirname(createRequire(import.meta.url).resolve('@eventide/message-db/package.json')),
  'database',
);
/** In the order of its own installation script; those without a name are whole folders. */
const PARTS = [
  'roles/message-store.sql',
  'schema/message-store.sql',
  'extensions/pgcrypto.sql',
  'tables/messages.sql',
  'types/',
  'functions/',
  'indexes/',
] as const;

/** message-db's own write function, in a database of its own. */
export async function messageDb(url: string): Promise<{
  append(worker: number): Promise<void>;
  close(): Promise<void>;
}> {
  const sql = postgres(url, {
    max: 16,
    onnotice: () => {},
    connection: { search_path: 'message_store, public' },
  });
  for (const file of PARTS.flatMap(filesOf)) await sql.unsafe(readFileSync(join(DATABASE, file), 'utf8'));
  const versions = new Map<number, number>();
  const run = randomUUID().replaceAll('-', '');
  return {
    append: async (worker) => {
      const version = (versions.get(worker) ?? -1) + 1;
      versions.set(worker, version);
      const data = JSON.stringify({ path: 'team/app/db-password', version: 1, principal: 'app:billing' });
      const metadata = JSON.stringify({ orgId: run, actor: run, at: new Date().toISOString() });
      await sql.unsafe('select message_store.write_message($1, $2, $3, $4::jsonb, $5::jsonb, $6)', [
        randomUUID(),
        `journal-${run}${worker}`,
        'SecretUpdated',
        data,
        metadata,
        version - 1,
      ]);
    },
    close: () => sql.end(),
  };
}

function filesOf(part: string): string[] {
  if (!part.endsWith('/')) return [part];
  return readdirSync(join(DATABASE, part))
    .sort()
    .map((file) => join(part, file));
}
