import { join } from 'node:path';
import type { Permission } from '@keyfleet/contracts';
import type { CommandContract, CommandMeta } from '@keyfleet/contracts/messages';
import { createPostgresEventStore, eventStoreMigrations } from '@keyfleet/event-store/postgres';
import { type CommandClient, createCommandClient, GuardedNatsServer } from '@keyfleet/messaging';
import { TestBroker } from '@keyfleet/messaging/testing';
import { newId, systemClock } from '@keyfleet/platform';
import { policiesProjection, requestClassesProjection } from '@keyfleet/policy/read-model';
import { closeSql, createSql } from '@keyfleet/postgres';
import { hostProjections, type MigrationSet, migrate } from '@keyfleet/read-store';
import { createTestDatabase } from '@keyfleet/testing';
import { NestFactory } from '@nestjs/core';
import type { z } from 'zod';
import { POLICY_SETS } from '../migration-sets.js';
import { PolicyModule } from '../policy.module.js';

/** Threads read the sources as they are. */
export const FROM_SOURCES = ['--import', join(process.cwd(), 'libs/testing/jest/register.mjs')];

const storeMigrations = eventStoreMigrations.map(({ name, up }) => ({
  name,
  up: (tx: unknown) => up(tx as never),
}));
/** All that the commands of this service need. */
export const SETS = [{ owner: 'event-store', migrations: storeMigrations }, ...POLICY_SETS] as MigrationSet[];

/** The commands of the policy service on a real broker and a real PostgreSQL, asked as the gateway asks them. */
export async function createStage() {
  const database = await createTestDatabase();
  await migrate({ ownerUrl: database.url, sets: SETS });
  const sqlAs = (role: 'kf_worker' | 'kf_identity') =>
    createSql({ url: database.urlFor(role), applicationName: 'test', max: 6 });
  const [sql, identity] = [sqlAs('kf_worker'), sqlAs('kf_identity')];
  const store = createPostgresEventStore({ url: database.urlFor('kf_store') });
  const projections = hostProjections({
    sql,
    store,
    projections: [policiesProjection, requestClassesProjection],
  });
  const broker = await TestBroker.start();
  const [asPolicy, asGateway] = await Promise.all([
    broker.serviceIdentity('policy'),
    broker.serviceIdentity('gateway'),
  ]);
  const failures: unknown[] = [];
  const onError = (error: unknown): void => void failures.push(error);
  const app = await NestFactory.createMicroservice(
    PolicyModule.with({ sql, store, clock: systemClock, onError, execArgv: FROM_SOURCES }),
    {
      strategy: new GuardedNatsServer({
        service: 'policy',
        broker: {
          ...{ servers: broker.servers, identity: () => asPolicy },
          ...{ inboxPrefix: '_INBOX.svc.policy', name: 'policy' },
        },
      }),
      logger: false,
    },
  );
  await app.listen();
  const client: CommandClient = createCommandClient({
    ...{ servers: broker.servers, identity: () => asGateway },
    ...{ inboxPrefix: '_INBOX.svc.gateway', name: 'gateway' },
  });

  /** A person, or a token somebody issued, who may do this in the organisation; a new one by default. */
  const member = async (permissions: readonly Permission[], orgId: string = newId('org')) => {
    const userId = newId('usr');
    const role = `role-${userId}`;
    await identity`insert into identity.organisations values
      (${orgId}, ${orgId}, 'Acme', 'active', now(), 0) on conflict do nothing`;
    await identity`insert into identity.users (user_id, home_org_id, status, revision)
      values (${userId}, ${orgId}, 'active', 0)`;
    await identity`insert into identity.roles values (${orgId}, ${role}, ${[...permissions]}, 0)`;
    await identity`insert into identity.memberships values (${orgId}, ${userId}, ${role}, 0)`;
    return { orgId, userId, ...asker(userId, orgId) };
  };
  const token = async (
    { userId, orgId }: { readonly userId: string; readonly orgId: string },
    all: readonly Permission[],
  ) => {
    const tokenId = newId('tok');
    await identity`insert into identity.api_tokens
      (token_id, org_id, name, permissions, issued_by, issued_at, revision)
      values (${tokenId}, ${orgId}, 'ci', ${[...all]}, ${userId}, now(), 0)`;
    return asker(tokenId, orgId);
  };
  const asker = (actor: string, orgId: string) => ({
    ask: async <Q extends z.ZodType, A extends z.ZodType>(
      contract: CommandContract<Q, A>,
      data: z.input<Q>,
      more: Partial<CommandMeta> = {},
    ) => {
      const meta = { commandId: newId('cmd'), actor, orgId, correlationId: 'test', ...more };
      return client.send(contract, data, meta, { timeoutMs: 30_000 });
    },
  });
  return {
    ...{ sql, store, failures, member, token },
    close: async () => {
      await client.close();
      await app.close();
      await projections.close();
      await store.close();
      await broker.stop();
      await Promise.all([closeSql(sql, 1_000), closeSql(identity, 1_000)]);
      await database.drop();
    },
  };
}

export type Stage = Awaited<ReturnType<typeof createStage>>;
export type Asker = Awaited<ReturnType<Stage['member']>>;
