import { randomBytes } from 'node:crypto';
import { newId } from '@keyfleet/platform';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import fc from 'fast-check';
import type { Answer } from '../launcher/http.js';
import { Client } from './client.js';
import { followFleet } from './fleet-subscription.js';
import { type GraphField, graphFields, type RestOperation, restOperations } from './isolation-surface.js';
import { type Side, sideOf, stranger } from './isolation-world.js';
import { type Replica, startReplica } from './replicas.js';
import { Stack } from './stack.js';

let stack: Stack;
let acme: Side;
let globex: Side;
let eve: Client;
let talkative: Replica;
let operations: readonly RestOperation[];
let fields: readonly GraphField[];

const RANDOM_CALLS = 20_000;
const AT_ONCE = 16;
const ABSENT = { org: newId('org'), slug: 'nobody-has-this' };

beforeAll(async () => {
  stack = await Stack.start({ directory: temporaryDirectory('isolation') });
  const admin = await Client.signIn(stack);
  eve = await stranger(stack);
  acme = await sideOf(stack, admin, 'acme');
  globex = await sideOf(stack, admin, 'globex');
  operations = restOperations(await admin.get('/api/openapi.json'));
  // The gateway tells its schema only where it is told to.
  talkative = await startReplica(stack, 'gateway', { KEYFLEET_GRAPHQL__INTROSPECTION: 'true' });
  fields = await graphFields(acme.at(talkative.url));
}, 240_000);

afterAll(async () => {
  await talkative?.stop();
  await stack?.stop();
}, 60_000);

/** An answer without what differs between any two requests; the id asked for may be said back. */
function shape({ status, body }: Answer, id?: string): unknown {
  if (typeof body !== 'object' || body === null) return { status, body };
  const { traceId: _traceId, instance: _instance, ...rest } = body as Record<string, unknown>;
  return { status, body: id === undefined ? rest : without(rest, id) };
}

const without = (body: unknown, id: string): unknown =>
  JSON.parse(JSON.stringify(body).replaceAll(JSON.stringify(id), '"what was asked for"'));

const told = ({ body }: Answer): string => JSON.stringify(shape({ status: 0, headers: {}, body })) ?? '';
const marksIn = (answer: Answer, foreign: Side, asked = ''): string[] =>
  foreign.marks.filter((mark) => !asked.includes(mark) && told(answer).includes(mark));

const PREFIXES = {
  agent: 'agt',
  group: 'grp',
  enrolmentToken: 'etk',
  apiToken: 'tok',
  policy: 'pol',
} as const;
const absentId = (kind: string): string =>
  kind === 'certificate' ? randomBytes(32).toString('hex') : newId(PREFIXES[kind as 'agent']);
/** Whose answers name nothing an organisation has. */
const SAME_FOR_ALL = new Set(['getOrganisation', 'listPolicyTemplates']);

/** They answer for each id they are given, so what is not there has an item that says so. */
const NAMES_WHAT_WAS_ASKED = new Set(['bulkPolicies']);
const saidBackBy = (name: string, asked: string): string => (NAMES_WHAT_WAS_ASKED.has(name) ? asked : '');
const notFound = (id: string): unknown =>
  expect.objectContaining({ id, name: null, outcome: 'refused', code: 'resource.not-found', agents: null });

/** Each side against the other. */
const bothWays = (): readonly (readonly [Side, Side])[] => [
  [acme, globex],
  [globex, acme],
];

describe('organisations never meet', () => {
  it('S9: each route answers the same for a foreign organisation as for one that is not there', async () => {
    let compared = 0;
    for (const [own, foreign] of bothWays()) {
      for (const operation of operations) {
        for (const client of [own.client, eve]) {
          const id = foreign.ids[operation.kind ?? 'agent'];
          const { method, path, body } = operation;
          const absent = await client.request(method, path(ABSENT.slug, id), body(id));
          expect([operation.name, absent.status]).toEqual([operation.name, 404]);
          for (const org of [foreign.slug, foreign.org, ABSENT.org]) {
            const answer = await client.request(method, path(org, id), body(id));
            expect([operation.name, shape(answer)]).toEqual([operation.name, shape(absent)]);
            compared += 1;
          }
        }
      }
    }
    console.log(`${operations.length} routes, ${compared} answers equal to that for an absent organisation`);
  }, 120_000);

  it('S9: each route answers the same for an id of another organisation as for one that is not there', async () => {
    let compared = 0;
    for (const [own, foreign] of bothWays()) {
      for (const { name, method, path, body, kind } of operations) {
        if (!kind) continue;
        const ask = (id: string) => own.client.request(method, path(own.slug, id), body(id));
        const [nowhere, elsewhere] = [absentId(kind), foreign.ids[kind]];
        const [absent, answer] = [await ask(nowhere), await ask(elsewhere)];
        expect([name, shape(answer, elsewhere)]).toEqual([name, shape(absent, nowhere)]);
        const empty = NAMES_WHAT_WAS_ASKED.has(name) ? [notFound(elsewhere)] : [];
        if (answer.status !== 404)
          expect([name, (answer.body as { items: unknown[] }).items]).toEqual([name, empty]);
        compared += 1;
      }
    }
    console.log(`${compared} answers for foreign ids equal to those for absent ids`);
    expect(compared).toBeGreaterThanOrEqual(16);
  }, 120_000);

  it('S9: each GraphQL field answers the same for foreign as for absent organisations and ids', async () => {
    let compared = 0;
    for (const [own, foreign] of bothWays()) {
      for (const field of fields) {
        const at = (org: string, ids: (kind: string) => string) =>
          own.client.request('POST', '/api/graphql', field.operation(org, ids));
        const absent = await at(ABSENT.slug, (kind) => foreign.ids[kind as 'agent']);
        for (const org of [foreign.slug, foreign.org]) {
          const answer = await at(org, (kind) => foreign.ids[kind as 'agent']);
          expect([field.name, graphShape(answer)]).toEqual([field.name, graphShape(absent)]);
          expect([field.name, codesOf(answer)]).toEqual([field.name, ['resource.not-found']]);
          compared += 1;
        }
        if (!field.takesId) continue;
        const given = new Set<string>();
        const nowhere = await at(own.slug, (kind) => {
          const id = absentId(kind);
          given.add(id);
          return id;
        });
        const elsewhere = await at(own.slug, (kind) => foreign.ids[kind as 'agent']);
        const asked = Object.values(foreign.ids);
        expect([field.name, graphShape(elsewhere, asked)]).toEqual([
          field.name,
          graphShape(nowhere, [...given]),
        ]);
        const marks = marksIn(elsewhere, foreign, saidBackBy(field.name, asked.join()));
        expect([field.name, marks]).toEqual([field.name, []]);
        compared += 1;
      }
    }
    console.log(
      `${fields.length} GraphQL fields, ${compared} answers equal: ${fields.map(({ name }) => name).join(', ')}`,
    );
  }, 120_000);

  it('S9: a subscription to a foreign organisation is refused as one to an absent organisation is', async () => {
    const refusals = [];
    for (const org of [acme.slug, globex.org, ABSENT.slug]) {
      const feed = followFleet(eve, org);
      const [refused] = await waitFor(() => feed.errors.length > 0 && feed.errors);
      expect(feed.changes).toEqual([]);
      refusals.push({
        message: refused?.message,
        code: refused?.extensions && Reflect.get(refused.extensions, 'code'),
      });
      await feed.close();
    }
    expect(refusals[0]).toEqual(refusals[2]);
    expect(refusals[1]).toEqual(refusals[2]);
    console.log(`a foreign subscription is told ${JSON.stringify(refusals[0])}`);
  });

  it('S9: thousands of calls at random get nothing of another organisation', async () => {
    const statuses = new Map<number, number>();
    const ask = async (call: RandomCall): Promise<void> => {
      const [own, foreign] = bothWays()[call.from] as readonly [Side, Side];
      const { answer, said, home, saidBack } = await asked(call, own, foreign);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const refused =
        (answer.body as Partial<GraphAnswer> | undefined)?.errors !== undefined || answer.status >= 400;
      const marks = marksIn(answer, foreign, saidBack);
      if (answer.status >= 500 || marks.length > 0 || !(home || refused))
        throw new Error(`${said} answered ${answer.status}: ${told(answer).slice(0, 500)}`);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(randomCall, { minLength: AT_ONCE, maxLength: AT_ONCE }), async (calls) => {
        await Promise.all(calls.map(ask));
      }),
      { numRuns: RANDOM_CALLS / AT_ONCE },
    );
    const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, n]) => `${status}: ${n}`);
    console.log(
      `${[...statuses.values()].reduce((sum, n) => sum + n, 0)} random calls; ${counts.join(', ')}`,
    );
    expect(statuses.get(200)).toBeGreaterThan(RANDOM_CALLS / 50);
    expect(statuses.get(404)).toBeGreaterThan(RANDOM_CALLS / 10);
  }, 300_000);

  it('S9: and all of it changed nothing: both have what they had, and what is their own they can reach', async () => {
    for (const side of [acme, globex]) {
      for (const { name, method, path, kind } of operations) {
        if (method !== 'GET') continue;
        const answer = await side.client.request(method, path(side.slug, side.ids[kind ?? 'agent']));
        expect([name, answer.status]).toEqual([name, 200]);
        // These are the words the other tests look for.
        if (!SAME_FOR_ALL.has(name)) expect([name, marksIn(answer, side)]).not.toEqual([name, []]);
      }
      const { items: groups } = await side.client.get<{ items: { id: string }[] }>(
        `/api/v1/orgs/${side.slug}/groups`,
      );
      expect(groups.map(({ id }) => id)).toContain(side.ids.group);
      const { items: tokens } = await side.client.get<{ items: { id: string; state: string }[] }>(
        `/api/v1/orgs/${side.slug}/enrolment-tokens`,
      );
      expect(tokens.find(({ id }) => id === side.ids.enrolmentToken)?.state).toBe('open');
      await waitFor(async () => {
        const agent = await side.client.get<{ state: string }>(
          `/api/v1/orgs/${side.slug}/agents/${side.ids.agent}`,
        );
        return agent.state === 'online';
      });
    }
    const orgs = await eve.get<{ items: { slug: string }[] }>('/api/v1/orgs');
    expect(orgs.items.map(({ slug }) => slug)).toEqual(['initech']);
  });
});

type RandomCall = typeof randomCall extends fc.Arbitrary<infer T> ? T : never;
const randomCall = fc.record({
  from: fc.nat(1),
  graph: fc.boolean(),
  operation: fc.nat(1_000),
  where: fc.constantFrom('own', 'own', 'foreign slug', 'foreign id', 'absent', 'odd'),
  what: fc.constantFrom('foreign', 'foreign', 'absent', 'odd'),
  cursor: fc.option(fc.nat(9), { nil: undefined, freq: 4 }),
  query: fc.constantFrom('', 'filter=id', 'agentId', 'asOf', 'filter=all', 'limit'),
  odd: fc.constantFrom(
    '%00',
    '..%2f',
    "'--",
    'ACME',
    '*',
    '%25',
    'org_',
    '%20',
    'acme%2f..%2fglobex',
    'null',
  ),
});

/**
 * One call that is never for a thing of one's own; `home` where it is for one's own organisation, `saidBack` what its
 * answer may say because it was asked.
 */
async function asked(call: RandomCall, own: Side, foreign: Side) {
  const odd = call.graph ? decodeURIComponent(call.odd) : call.odd;
  const idOf = (kind: string): string =>
    ({ foreign: foreign.ids[kind as 'agent'], absent: absentId(kind), odd })[call.what];
  const orgs = { 'foreign slug': foreign.slug, 'foreign id': foreign.org, absent: ABSENT.slug, odd };
  if (call.graph) {
    const field = fields[call.operation % fields.length] as GraphField;
    const home = call.where === 'own' && (field.takesId || !field.changes);
    const org = home ? own.slug : orgs[call.where === 'own' ? 'foreign slug' : call.where];
    const operation = field.operation(org, idOf);
    return {
      home,
      said: operation.query,
      saidBack: saidBackBy(field.name, operation.query),
      answer: await own.client.request('POST', '/api/graphql', operation),
    };
  }
  const { name, method, path, body, kind, creates } = operations[
    call.operation % operations.length
  ] as RestOperation;
  // What would make something of one's own is not asked for.
  const home = call.where === 'own' && (kind !== undefined || !creates);
  const org = home ? own.slug : orgs[call.where === 'own' ? 'foreign slug' : call.where];
  const id = idOf(kind ?? 'agent');
  const at = path(org, id);
  const query = method === 'GET' ? `${at.includes('?') ? '&' : '?'}${queryOf(call, foreign)}` : '';
  const target = `${at}${query}`;
  const saidBack = saidBackBy(name, id);
  const answer = await own.client.request(method, target, body(id));
  return { home, said: `${method} ${target}`, saidBack, answer };
}

function queryOf({ query, cursor }: RandomCall, foreign: Side): string {
  const text = {
    '': {},
    'filter=id': { filter: `id = "${foreign.ids.agent}"` },
    agentId: { agentId: foreign.ids.agent },
    asOf: { asOf: new Date().toISOString() },
    'filter=all': { filter: 'NOT id = "x"' },
    limit: { limit: '200' },
  }[query];
  const at = cursor === undefined ? {} : { cursor: foreign.cursors[cursor % foreign.cursors.length] ?? '' };
  return new URLSearchParams({ ...text, ...at } as Record<string, string>).toString();
}

interface GraphAnswer {
  readonly data: unknown;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: unknown;
    readonly extensions: { readonly code: string };
  }[];
}

function graphShape({ status, body }: Answer, ids: readonly string[] = []): unknown {
  const { data, errors = [] } = body as GraphAnswer;
  return {
    status,
    data: ids.reduce(without, data ?? null),
    errors: errors.map(({ message, path, extensions: { code } }) => ({ message, path, code })),
  };
}

function codesOf({ body }: Answer): string[] {
  return [...new Set(((body as GraphAnswer).errors ?? []).map(({ extensions }) => extensions.code))];
}
