import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '@keyfleet/testing';
import type { Answer } from '../launcher/http.js';
import { runToEnd } from '../launcher/node-process.js';
import { type AgentRow, Client, type EventRow } from './client.js';
import { environmentOf } from './replicas.js';
import type { Stack } from './stack.js';

export interface Side {
  readonly org: string;
  readonly slug: string;
  /** With every permission, and in this organisation alone. */
  readonly client: Client;
  /** The same, at another gateway. */
  readonly at: (url: string) => Client;
  /** Ids of what it has, by the name of the path parameter. */
  readonly ids: Readonly<
    Record<'agent' | 'group' | 'enrolmentToken' | 'apiToken' | 'policy' | 'certificate', string>
  >;
  /** What must never stand in an answer to somebody else. */
  readonly marks: readonly string[];
  /** Cursors of its lists. */
  readonly cursors: readonly string[];
}

const EVERY_PERMISSION = [
  ...['org:read', 'org:write', 'agents:read', 'agents:write', 'agents:revoke', 'groups:read', 'groups:write'],
  ...[
    'enrolment:read',
    'enrolment:write',
    'events:read',
    'policies:read',
    'policies:write',
    'policies:publish',
    'users:read',
    'users:write',
    'tokens:read',
    'tokens:write',
  ],
];

/** A client that brings an API token. */
class TokenClient extends Client {
  readonly #token: string;

  constructor(url: string, token: string) {
    super(url);
    this.#token = token;
  }

  override request(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    return super.request(method, path, body, { authorization: `Bearer ${this.#token}`, ...headers });
  }
}

/** One organisation with something of everything, and a token that is good there and nowhere else. */
export async function sideOf(stack: Stack, admin: Client, slug: string): Promise<Side> {
  const base = `/api/v1/orgs/${slug}`;
  const make = async (path: string, body: object): Promise<{ id: string; token: string }> => {
    const answer = await admin.request('POST', `${base}/${path}`, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as { id: string; token: string };
  };
  const { token, id: apiToken } = await make('api-tokens', {
    name: `all of ${slug}`,
    permissions: EVERY_PERMISSION,
  });
  const [group] = await Promise.all(
    [1, 2].map((n) => make('groups', { name: `${slug}-group-${n}`, selector: 'labels.env = "prod"' })),
  );
  const tokens = [
    await make('enrolment-tokens', { labels: { secretive: `${slug}-only` } }),
    await make('enrolment-tokens', {}),
  ];
  const client = new TokenClient(stack.run.gateway.url, token);
  const policy = await publishedPolicy(stack, admin, slug);
  const { items: agents } = await client.get<{ items: AgentRow[] }>(`${base}/agents`);
  const { items: events } = await client.get<{ items: EventRow[] }>(`${base}/events?limit=200`);
  const own = events.filter(({ stream }) => !stream.startsWith('detection-'));
  const cursors = await cursorsOf(client, base);
  const org = stack.run.orgs.find((one) => one.slug === slug)?.id ?? '';
  return {
    org,
    slug,
    client,
    at: (url) => new TokenClient(url, token),
    ids: {
      agent: agents[0]?.id ?? '',
      group: group?.id ?? '',
      enrolmentToken: tokens[0]?.id ?? '',
      apiToken,
      ...policy,
    },
    marks: [
      ...agents.flatMap(({ id, name }) => [id, `"${name}"`]),
      ...own.map(({ id }) => id),
      ...[`${slug}-group-`, `${slug}-only`, `all of ${slug}`, ...tokens.map(({ id }) => id), apiToken],
      ...Object.values(policy),
    ],
    cursors,
  };
}

/** Written by one person, reviewed by another, and vouched for. */
async function publishedPolicy(stack: Stack, admin: Client, slug: string) {
  const base = `/api/v1/orgs/${slug}/policies`;
  const document = {
    statements: [
      {
        ...{ id: 'own', effect: 'allow', principals: [`app:${slug}-only`], actions: ['read'] },
        resources: ['team/**'],
      },
    ],
  };
  const told = async <T>(answer: Promise<Answer>): Promise<T> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`${slug}: ${JSON.stringify(body)}`);
    return body as T;
  };
  const { id: policy } = await told<{ id: string }>(
    admin.request('POST', base, { name: `${slug}-policy`, content: { document } }),
  );
  const { draft } = await waitFor(() => admin.get<{ draft: { hash: string } }>(`${base}/${policy}`));
  const reviewer = await Client.signInAs(stack.run.gateway.url, stack.reviewer);
  const verdict = { hash: draft.hash, verdict: 'approved' };
  await told(reviewer.request('POST', `${base}/${policy}/draft/reviews`, verdict));
  await told(admin.request('POST', `${base}/${policy}/publish`, {}));
  const made = await told<{ certificateId: string }>(
    admin.request('POST', `${base}/${policy}/versions/1/certificates`),
  );
  await waitFor(() => admin.get(`${base}/${policy}/versions/1`));
  return { policy, certificate: made.certificateId };
}

async function cursorsOf(client: Client, base: string): Promise<string[]> {
  const cursors: string[] = [];
  for (const list of ['events', 'groups', 'enrolment-tokens', 'agents']) {
    const { nextCursor } = await client.get<{ nextCursor: string | null }>(`${base}/${list}?limit=1`);
    if (nextCursor !== null) cursors.push(nextCursor);
  }
  return cursors;
}

/** Somebody who owns an organisation of their own and belongs to no other. */
export async function stranger(stack: Stack): Promise<Client> {
  const registry = stack.run.services.find(({ name }) => name === 'registry');
  const passwordFile = join(stack.directory, 'stranger');
  const [email, password] = ['eve@initech.example', 'a long enough password'];
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  await runToEnd({
    name: 'bootstrap',
    script: join(stack.directory, 'apps/registry/dist/bootstrap.js'),
    args: ['--email', email, '--password-file', passwordFile, '--org', 'initech:Initech'],
    env: environmentOf(registry?.pid ?? 0),
    logFile: join(stack.directory, 'stranger.log'),
    cwd: stack.directory,
  });
  const client = new Client(stack.run.gateway.url);
  const answer = await client.request('POST', '/api/v1/auth/login', { email, password });
  if (answer.status !== 200) throw new Error(`the stranger's sign-in answered ${answer.status}`);
  return client;
}
