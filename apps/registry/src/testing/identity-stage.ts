import { hashSecret, PasswordHasher } from '@keyfleet/auth';
import type { EventStore } from '@keyfleet/event-store';
import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { authQueries } from '@keyfleet/identity/read-model';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { bootstrap } from '../bootstrap/bootstrap.js';
import { createIdentity } from '../identity/identity.js';
import { registryDatabase } from './database.js';
import { metaOf } from './stage.js';

const HOUR = 3_600_000;

/** People and organisations over a database of their own, with passwords that cost little. */
export async function createIdentityStage() {
  const clock = new TestClock();
  const limits = { idleMs: 12 * HOUR, absoluteMs: 7 * 24 * HOUR, concurrent: 3 };
  const hasher = new PasswordHasher({ cost: { memoryKiB: 64, passes: 1, parallelism: 1 } });
  const database = await registryDatabase();
  const store = createInMemoryEventStore({ clock });
  const options = { sql: database.as('kf_identity'), clock, store, limits, hasher };
  const identity = createIdentity(options);
  /** As the gateway asks. */
  const gateway = authQueries(database.as('kf_auth'));
  let count = 0;

  /** Somebody with a password who owns a new organisation. */
  async function owner() {
    count += 1;
    const email = `Owner${count}@example.org`;
    const slug = `org-${count}`;
    const { userId, orgs } = await bootstrap(
      { identity, store, clock },
      { email, name: 'An Owner', password: 'correct horse', orgs: [{ slug, name: slug.toUpperCase() }] },
    );
    const orgId = orgs[0]?.id as string;
    return { email, userId, orgId, slug, meta: (given = {}) => metaOf({ actor: userId, orgId, ...given }) };
  }

  /** Makes a user a member of an organisation. */
  async function join(who: { readonly userId: string }, orgId: string, role: string): Promise<void> {
    const revision = (await store.streamRevision(`organisation-${orgId}`)) as bigint;
    const metadata = { orgId, actor: who.userId, at: new Date(clock.now()).toISOString() };
    const data = { userId: who.userId, orgId, role };
    await store.append(`organisation-${orgId}`, revision, [
      { id: newId('evt'), type: 'MembershipGranted', v: 1, data, metadata },
    ]);
    await identity.directory.apply(await store.readStream(`organisation-${orgId}`));
  }

  return {
    clock,
    limits,
    database,
    store,
    options,
    identity,
    gateway,
    owner,
    join,
    login: async (email: string, password = 'correct horse') =>
      (await identity.signIn.login({ email, password, network: '127.0.0.1' }, metaOf())).data,
    sessionOf: (secret: string) => gateway.findSession(hashSecret(secret)),
    /** The same people through a process in which something happens around each append to a stream of API tokens. */
    around: (append: { readonly before?: () => unknown; readonly after?: () => unknown }) => {
      const watched: Pick<EventStore, 'readStream' | 'append'> = {
        readStream: (...read) => store.readStream(...read),
        append: async (stream, ...rest) => {
          const watching = stream.startsWith('apitoken-');
          if (watching) await append.before?.();
          const result = await store.append(stream, ...rest);
          if (watching) await append.after?.();
          return result;
        },
      };
      return createIdentity({ ...options, store: watched });
    },
  };
}

export type IdentityStage = Awaited<ReturnType<typeof createIdentityStage>>;
export type Owner = Awaited<ReturnType<IdentityStage['owner']>>;
