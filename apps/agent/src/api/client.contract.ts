import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { join } from 'node:path';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: any;
}

export interface Ask {
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** `null` sends none. */
  readonly key?: string | null;
  readonly tls?: RequestOptions;
}

/** Speaks to an agent as a workload beside it would: over TLS, trusting its own authority and nothing else. */
export class ApiClient {
  readonly #url: string;
  readonly #ca: string;
  readonly #key: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(directory: string, url: string) {
    this.#url = url;
    this.#ca = readFileSync(join(directory, 'tls', 'ca.pem'), 'utf8');
    this.#key = readFileSync(join(directory, 'admin.key'), 'utf8').trim();
  }

  close(): void {
    this.#agent.destroy();
  }

  get = (path: string, ask: Ask = {}) => this.ask('GET', path, ask);
  post = (path: string, ask: Ask = {}) => this.ask('POST', path, ask);
  delete = (path: string, ask: Ask = {}) => this.ask('DELETE', path, ask);

  put(path: string, value: string, ask: Ask = {}): Promise<Answer> {
    const body = { value: Buffer.from(value).toString('base64'), ...(ask.body as object) };
    return this.ask('PUT', `/secrets/${path}`, { ...ask, body });
  }

  ask(method: string, path: string, { body, headers, key = this.#key, tls }: Ask = {}): Promise<Answer> {
    const raw =
      body === undefined || Buffer.isBuffer(body) || typeof body === 'string' ? body : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      ca: this.#ca,
      agent: tls ? false : this.#agent,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(raw === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...tls,
    };
    return new Promise((resolve, reject) => {
      // As it stands: a URL object would tidy up what a hostile client does not.
      const { hostname, port } = new URL(this.#url);
      const whole = path.startsWith('//') ? path.slice(1) : `/api/v1${path}`;
      const sent = request({ hostname, port, path: whole, ...options }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const isJson = /json/.test(String(answer.headers['content-type']));
          const { statusCode: status = 0, headers: received } = answer;
          resolve({ status, headers: received, text, body: isJson && text ? JSON.parse(text) : undefined });
        });
      });
      sent.on('error', reject);
      sent.end(raw);
    });
  }
}
