import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql';
import { newId } from '@keyfleet/platform';

/** Emmett's PostgreSQL store as it comes, with its own pool, in a database of its own. */
export async function emmett(url: string): Promise<{
  /** The same event as the subject's, as the next of this worker's stream. */
  append(worker: number): Promise<void>;
  close(): Promise<void>;
}> {
  const store = getPostgreSQLEventStore(url);
  await store.schema.migrate();
  const versions = new Map<number, bigint>();
  const run = newId('evt');
  return {
    append: async (worker) => {
      const version = versions.get(worker);
      const { nextExpectedStreamVersion } = await store.appendToStream(
        `journal-${run}-${worker}`,
        [
          {
            type: 'SecretUpdated',
            data: { path: 'team/app/db-password', version: 1, principal: 'app:billing' },
            metadata: { orgId: run, actor: run, at: new Date().toISOString() },
          },
        ],
        version === undefined ? undefined : { expectedStreamVersion: version },
      );
      versions.set(worker, nextExpectedStreamVersion);
    },
    close: () => store.close(),
  };
}
