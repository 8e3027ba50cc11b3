import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testRedis } from '@keyfleet/testing';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { OpenAPIObject } from '@nestjs/swagger';
import { buildSchema, printSchema } from 'graphql';
import { Redis } from 'ioredis';
import { type GatewayDouble, gatewayDouble } from '../testing/double.js';

const FOLDER = join(process.cwd(), 'apps/gateway');
const UPDATE = process.env['KEYFLEET_UPDATE_API'] === '1';
let redis: Redis;
let gateway: GatewayDouble;
let document: OpenAPIObject;

beforeAll(async () => {
  redis = new Redis((await testRedis()).url);
  gateway = await gatewayDouble(redis);
  await gateway.app.getHttpAdapter().getInstance().ready();
  document = (await gateway.app.inject('/api/openapi.json')).json();
}, 60_000);

afterAll(async () => {
  await gateway.app.close();
  redis.disconnect();
});

/** `KEYFLEET_UPDATE_API=1` writes what is, so that a change of the API is a change in the review. */
async function published(name: string, text: string): Promise<string> {
  if (UPDATE) await writeFile(join(FOLDER, name), text);
  return readFile(join(FOLDER, name), 'utf8');
}

describe('the published API', () => {
  it('is the GraphQL schema that is committed', async () => {
    const text = `${printSchema(gateway.app.get(GraphQLSchemaHost).schema)}\n`;
    expect(text).toBe(`${printSchema(buildSchema(await published('schema.graphql', text)))}\n`);
  });

  it('is the OpenAPI document that is committed', async () => {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    expect(document).toEqual(JSON.parse(await published('openapi.json', text)));
  });
});

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

function operations() {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [{ path, method, operation: item[method] }] : [])),
  );
}

/** Every object in the document, with where it stands. */
function* objects(value: unknown, at = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) yield* objects(inner, `${at}/${key}`);
}

describe('the OpenAPI document', () => {
  it('says every part of a path among the parameters, once, and no other', () => {
    for (const { path, method, operation } of operations()) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
      const given = (operation.parameters ?? []) as { name: string; in: string }[];
      const inPath = given.filter((one) => one.in === 'path').map(({ name }) => name);
      expect([method, path, inPath.sort()]).toEqual([method, path, named]);
      expect(new Set(given.map((one) => `${one.in} ${one.name}`)).size).toBe(given.length);
    }
  });

  it('says who may call each operation: nobody signed in for the public ones only', () => {
    const open = operations().filter(({ operation }) => operation.security?.length === 0);
    expect(open.map(({ path }) => path)).toEqual(['/api/v1/auth/login', '/api/v1/enrol', '/api/v1/renew']);
    for (const { path, operation } of operations()) {
      expect([path, operation.security !== undefined]).toEqual([path, true]);
      expect([path, Object.keys(operation.responses)]).toEqual([path, expect.arrayContaining(['default'])]);
      expect(operation.operationId).toBeDefined();
      expect(operation.summary).toBeDefined();
    }
    expect(new Set(operations().map(({ operation }) => operation.operationId)).size).toBe(
      operations().length,
    );
  });

  it('names the headers of the conventions on the operations that have them', () => {
    const headersOf = (path: string, method: 'get' | 'post' | 'patch') =>
      ((document.paths[path]?.[method]?.parameters ?? []) as { name: string; in: string }[])
        .filter((one) => one.in === 'header')
        .map(({ name }) => name);
    expect(headersOf('/api/v1/orgs/{org}/groups', 'post')).toEqual(['Idempotency-Key']);
    expect(headersOf('/api/v1/orgs/{org}/agents/{agent}', 'patch')).toEqual(['Idempotency-Key', 'If-Match']);
    expect(headersOf('/api/v1/orgs/{org}/agents', 'get')).toEqual(['Keyfleet-Position']);
    expect(headersOf('/api/v1/auth/login', 'post')).toEqual([]);
  });

  it('is OpenAPI 3.0: no keyword of another dialect, no reference without its target, no example or default of a secret', () => {
    const known = Object.keys(document.components?.schemas ?? {}).map(
      (name) => `#/components/schemas/${name}`,
    );
    for (const [at, value] of objects(document)) {
      const foreign = [
        '$schema',
        'definitions',
        '$id',
        'const',
        'prefixItems',
        'patternProperties',
        'propertyNames',
        'classification',
      ];
      const names = at.endsWith('/properties') ? [] : foreign.filter((key) => key in value);
      expect([at, names]).toEqual([at, []]);
      expect([at, Array.isArray(value['type'])]).toEqual([at, false]);
      const target = value['$ref'];
      if (typeof target === 'string') expect(known).toContain(target);
      if (/\/(?:password|token|secret|csr|nkey)$/i.test(at)) {
        expect([at, 'default' in value, 'example' in value]).toEqual([at, false, false]);
      }
    }
  });
});
