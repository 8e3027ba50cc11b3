import { SECRET_PATH } from '@keyfleet/contracts';
import { MAX_SECRET_BYTES, putSecretRequest } from '@keyfleet/contracts/http';
import { KeyfleetError } from '@keyfleet/kernel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Trail } from '../audit/trail.js';
import type { StoredSecret } from '../storage/port.js';
import { ALPHABETS, type Alphabet } from '../vault/generate.js';
import type { Vault } from '../vault/vault.js';
import {
  assertNotReserved,
  bodyOf,
  cursor,
  expectedVersionOf,
  fromCursor,
  limit,
  refuseStrangers,
  secretPathOf,
  toCursor,
} from './context.js';
import { takeValue, valueAnswer } from './value-json.js';

export interface SecretsApi {
  readonly vault: Vault;
  readonly trail: Trail;
}

const MAX_TAGS = 64;
const version = z.coerce
  .number()
  .int()
  .min(1)
  .max(2 ** 31);
const putRequest = putSecretRequest.extend({
  tags: putSecretRequest.shape.tags.refine(
    (tags) => Object.keys(tags ?? {}).length <= MAX_TAGS,
    `at most ${MAX_TAGS} tags`,
  ),
});
const listQuery = z.strictObject({
  prefix: z.string().max(256).default(''),
  limit,
  cursor,
});
const versionsQuery = z.strictObject({ limit, cursor });
const valueQuery = z.strictObject({ version: version.optional() });
const rotateRequest = z.strictObject({
  length: z.int().min(8).max(4_096).default(32),
  alphabet: z.enum(Object.keys(ALPHABETS) as [Alphabet, ...Alphabet[]]).default('alphanumeric'),
  expectedVersion: z.int().min(1).optional(),
});
const rollbackRequest = z.strictObject({
  version: z
    .int()
    .min(1)
    .max(2 ** 31),
  expectedVersion: z.int().min(1).optional(),
});

/** Whatever comes after `/secrets/`. */
function pathOf(request: FastifyRequest): string {
  return (request.params as { readonly '*': string })['*'];
}

/** Splits `team/app/value` into the secret and what is asked of it. */
function split(whole: string, operations: readonly string[]): { path: string; operation: string } {
  const slash = whole.lastIndexOf('/');
  const last = whole.slice(slash + 1);
  return slash > 0 && operations.includes(last)
    ? { path: whole.slice(0, slash), operation: last }
    : { path: whole, operation: '' };
}

function metadata({ id: _, ...secret }: StoredSecret) {
  return secret;
}

function answer(reply: FastifyReply, secret: StoredSecret) {
  return reply.header('etag', `"${secret.version}"`).send(metadata(secret));
}

/** `/api/v1/secrets…`; what may be done is decided by the vault, call by call. */
export function secretRoutes(app: FastifyInstance, api: SecretsApi): void {
  const { vault, trail } = api;

  app.get('/secrets', async (request) => {
    const { caller } = request;
    if (caller.credential !== 'known') return vault.list(caller, { prefix: '', limit: 1 });
    const query = listQuery.parse(request.query);
    const after = fromCursor(query.cursor, SECRET_PATH);
    const { prefix } = query;
    const items = await vault.list(caller, { prefix, limit: query.limit + 1, ...(after ? { after } : {}) });
    const page = items.slice(0, query.limit);
    const last = items.length > page.length ? page.at(-1)?.path : undefined;
    return { items: page.map(metadata), nextCursor: toCursor(last) };
  });

  app.get('/secrets/*', async (request, reply) => {
    const { path, operation } = split(pathOf(request), ['value', 'versions']);
    if (operation === 'value') return sendValue(api, request, reply, path);
    if (operation === 'versions') return listVersions(api, request, path);
    const asked = await secretPathOf(request, trail, { action: 'metadata', path });
    return answer(reply, await vault.metadata(request.caller, asked));
  });

  const create = refuseStrangers(trail, (request) => ({ action: 'create', path: pathOf(request) }));
  app.put('/secrets/*', { bodyLimit: 1_600_000, onRequest: create }, async (request, reply) => {
    const path = await secretPathOf(request, trail, { action: 'create', path: pathOf(request) });
    assertNotReserved(path);
    const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    try {
      return await put(api, request, reply, { path, raw });
    } finally {
      raw.fill(0);
    }
  });

  const remove = refuseStrangers(trail, (request) => ({ action: 'delete', path: pathOf(request) }));
  app.delete('/secrets/*', { onRequest: remove }, async (request, reply) => {
    const path = await secretPathOf(request, trail, { action: 'delete', path: pathOf(request) });
    await vault.remove(request.caller, path, expectedVersionOf(request));
    return reply.code(204).send();
  });

  const change = refuseStrangers(trail, changeOf);
  app.post('/secrets/*', { onRequest: change }, async (request, reply) => {
    const asked = changeOf(request);
    const path = await secretPathOf(request, trail, asked);
    const { caller } = request;
    if (asked.action === 'rotate')
      return answer(reply, await vault.rotate(caller, { path, ...bodyOf(request, rotateRequest) }));
    return answer(reply, await vault.rollback(caller, { path, ...bodyOf(request, rollbackRequest) }));
  });
}

/** Throws where it is no operation there is. */
function changeOf(request: FastifyRequest): { action: 'rotate' | 'rollback'; path: string } {
  const { path, operation } = split(pathOf(request), ['rotate', 'rollback']);
  if (operation !== 'rotate' && operation !== 'rollback')
    throw new KeyfleetError('request.unknown-operation');
  return { action: operation, path };
}

async function put(
  { vault }: SecretsApi,
  request: FastifyRequest,
  reply: FastifyReply,
  { path, raw }: { readonly path: string; readonly raw: Buffer },
) {
  const { rest, value } = takeValue(raw);
  try {
    const { tags, expectedVersion = expectedVersionOf(request) } = putRequest.parse(rest);
    if (value.length > MAX_SECRET_BYTES) throw new KeyfleetError('secret.too-large');
    const { created, ...secret } = await vault.put(request.caller, {
      path,
      value,
      ...(tags ? { tags } : {}),
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
    });
    return answer(reply.code(created ? 201 : 200), secret);
  } finally {
    value.fill(0);
  }
}

async function sendValue(
  { vault, trail }: SecretsApi,
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
) {
  const asked = await secretPathOf(request, trail, { action: 'read', path });
  const query = valueQuery.parse(request.query);
  const found = await vault.value(request.caller, asked, query.version);
  const body = valueAnswer(asked, found.version, found.value);
  reply.raw.once('close', () => body.fill(0));
  return reply
    .header('content-type', 'application/json')
    .header('cache-control', 'no-store')
    .header('etag', `"${found.version}"`)
    .send(body);
}

async function listVersions({ vault, trail }: SecretsApi, request: FastifyRequest, path: string) {
  const asked = await secretPathOf(request, trail, { action: 'versions', path });
  const query = versionsQuery.parse(request.query);
  const before = fromCursor(query.cursor, /^\d{1,10}$/);
  const page = { limit: query.limit + 1, ...(before ? { before: Number(before) } : {}) };
  const { current, items } = await vault.versions(request.caller, asked, page);
  const shown = items.slice(0, query.limit);
  return {
    items: shown.map(({ path: _, ...rest }) => ({
      ...rest,
      state: rest.version === current ? 'current' : 'superseded',
    })),
    nextCursor: toCursor(items.length > shown.length ? shown.at(-1)?.version : undefined),
  };
}
