import { readFileSync } from 'node:fs';
import { type Answer, call } from '../launcher/http.js';
import type { Stack } from './stack.js';

/** Somebody at the public API with a session, as a script would be. */
export class Client {
  readonly url: string;
  #cookie = '';

  constructor(url: string) {
    this.url = url;
  }

  static signIn(stack: Stack): Promise<Client> {
    return Client.signInAs(stack.run.gateway.url, stack.admin);
  }

  static async signInAs(url: string, person: { email: string; password: string }): Promise<Client> {
    const client = new Client(url);
    const answer = await client.request('POST', '/api/v1/auth/login', person);
    if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status}`);
    return client;
  }

  /** The same session at another gateway. */
  at(url: string): Client {
    const other = new Client(url);
    other.#cookie = this.#cookie;
    return other;
  }

  /** For what is no request: a WebSocket. */
  get cookie(): string {
    return this.#cookie;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const answer = await call({
      method: method as 'GET',
      url: `${this.url}${path}`,
      body,
      headers: { ...(this.#cookie ? { cookie: this.#cookie } : {}), ...headers },
    });
    const cookies = [answer.headers['set-cookie'] ?? []].flat();
    if (cookies.length > 0) this.#cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
    return answer;
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.request('GET', path);
    if (answer.status !== 200)
      throw new Error(`GET ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  async graphql<T>(query: string, variables: object = {}): Promise<T> {
    const answer = await this.request('POST', '/api/graphql', { query, variables });
    const { data, errors } = answer.body as { data: T; errors?: unknown[] };
    if (errors && errors.length > 0) throw new Error(`GraphQL: ${JSON.stringify(errors)}`);
    return data;
  }
}

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly lastSeenAt: string | null;
}

export interface EventRow {
  readonly id: string;
  readonly type: string;
  readonly position: string;
  readonly stream: string;
  readonly data: Record<string, unknown>;
}

/** One request to an agent's own API with its root key. */
export function askAgent(
  agent: { url: string; apiKeyFile: string; caFile: string },
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<Answer> {
  return call({
    method: method as 'GET',
    url: `${agent.url}/api/v1${path}`,
    body,
    ca: readFileSync(agent.caFile, 'utf8'),
    headers: { authorization: `Bearer ${readFileSync(agent.apiKeyFile, 'utf8').trim()}` },
  });
}
