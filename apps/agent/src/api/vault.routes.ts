import { principal, secretPath, timestamp } from '@keyfleet/contracts';
import { SECRET_ACTIONS, usageRow } from '@keyfleet/contracts/events';
import type { AgentStatus } from '@keyfleet/contracts/http';
import { KeyfleetError } from '@keyfleet/kernel';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Operation } from '../audit/classes.js';
import { onRecord } from '../vault/authorise.js';
import type { AgentVault } from '../vault/create.js';
import { linesAllowed } from '../vault/lines-allowed.js';
import { cursor, fromCursor, limit, refuseStrangers, toCursor } from './context.js';

const auditQuery = z.strictObject({
  from: timestamp.optional(),
  to: timestamp.optional(),
  principal: principal.optional(),
  action: z.enum(SECRET_ACTIONS).optional(),
  outcome: usageRow.shape.outcome.optional(),
  path: secretPath.optional(),
  limit,
  cursor,
});

export interface VaultApi {
  readonly agent: AgentVault;
  readonly status: () => Promise<AgentStatus>;
}

/** What concerns the vault as a whole. */
export function vaultRoutes(app: FastifyInstance, { agent, status }: VaultApi): void {
  const { trail, storage } = agent.parts;

  app.get('/status', async ({ caller }) => {
    return onRecord(agent.parts, { caller, action: 'status', path: null }, async ({ operation }) => {
      await trail.read(operation);
      return status();
    });
  });

  /** Of one secret, or of everything below a path, for those who may audit there; of all for those who may audit all. */
  app.get('/audit', async (request) => {
    const { caller } = request;
    const known = caller.credential === 'known';
    const query = known ? auditQuery.parse(request.query) : auditQuery.parse({});
    const asked: Operation = { caller, action: 'audit', path: query.path ?? null };
    return onRecord(agent.parts, asked, async ({ operation }) => {
      const { cursor: given, ...filter } = query;
      const beforeSeq = fromCursor(given, /^\d{1,16}$/);
      const wanted = {
        ...filter,
        limit: filter.limit + 1,
        ...(beforeSeq ? { beforeSeq: Number(beforeSeq) } : {}),
      };
      const found = await storage.audit(wanted);
      await trail.read(operation);
      const page = found.slice(0, filter.limit);
      const nextCursor = toCursor(found.length > page.length ? page.at(-1)?.seq : undefined);
      return { items: await linesAllowed(agent.parts, asked, page), nextCursor };
    });
  });

  const keys = refuseStrangers(trail, () => ({ action: 'keys', path: null }));
  app.post('/keys/rotate', { onRequest: keys }, async (request, reply) => {
    const keyVersion = await agent.rotation.rotate(request.caller);
    return reply.code(202).send({ keyVersion });
  });

  app.route({
    method: ['GET', 'POST'],
    url: '/backups',
    onRequest: refuseStrangers(trail, () => ({ action: 'backup', path: null })),
    handler: async ({ caller }) => {
      return onRecord(agent.parts, { caller, action: 'backup', path: null }, async () => {
        throw new KeyfleetError('request.unknown-operation', {
          detail: 'This version of the agent makes no backups yet; copy its directory while it is stopped.',
        });
      });
    },
  });
}
