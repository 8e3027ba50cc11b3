import { type Answer, call } from './http.js';

export interface Org {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
}

export interface AgentRow {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** The admin at the gateway's public API: what the launcher does, any script can do. */
export class Admin {
  readonly #gatewayUrl: string;
  readonly #email: string;
  readonly #password: string;
  #cookie: string | undefined;

  constructor(gatewayUrl: string, email: string, password: string) {
    this.#gatewayUrl = gatewayUrl;
    this.#email = email;
    this.#password = password;
  }

  async orgs(): Promise<Org[]> {
    return (await this.#get<{ items: Org[] }>('/orgs')).items;
  }

  async agents(org: string): Promise<AgentRow[]> {
    return (await this.#get<{ items: AgentRow[] }>(`/orgs/${org}/agents?limit=200`)).items;
  }

  /** As the control plane shows it now. */
  agent(org: string, id: string): Promise<AgentRow> {
    return this.#get<AgentRow>(`/orgs/${org}/agents/${id}`);
  }

  async issueEnrolmentToken(org: string, labels: Readonly<Record<string, string>>): Promise<string> {
    const answer = await this.#send<{ token: string }>('POST', `/orgs/${org}/enrolment-tokens`, { labels });
    return answer.token;
  }

  #get<T>(path: string): Promise<T> {
    return this.#send<T>('GET', path);
  }

  async #send<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    let answer = await this.#attempt(method, path, body);
    if (answer.status === 401) {
      await this.#signIn();
      answer = await this.#attempt(method, path, body);
    }
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${explain(answer)}`);
    return answer.body as T;
  }

  #attempt(method: 'GET' | 'POST', path: string, body: unknown): Promise<Answer> {
    const headers: Record<string, string> = this.#cookie ? { cookie: this.#cookie } : {};
    return call({ method, url: `${this.#gatewayUrl}/api/v1${path}`, body, headers });
  }

  async #signIn(): Promise<void> {
    const body = { email: this.#email, password: this.#password };
    const answer = await call({ method: 'POST', url: `${this.#gatewayUrl}/api/v1/auth/login`, body });
    if (answer.status !== 200) throw new Error(`The admin cannot sign in: ${explain(answer)}`);
    const cookies = [answer.headers['set-cookie'] ?? []].flat();
    this.#cookie = cookies.map((cookie) => cookie.split(';')[0]).join('; ');
  }
}

function explain({ status, body }: Answer): string {
  const { code, detail } = (body ?? {}) as { code?: string; detail?: string };
  return [status, code, detail].filter(Boolean).join(' ');
}
