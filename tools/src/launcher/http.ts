import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** PEM of the authority to believe. */
  readonly ca?: string;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Undefined where the body is no JSON. */
  readonly body: unknown;
}

/** JSON over HTTP or HTTPS, for the few calls of the launcher. */
export function call(options: Call): Promise<Answer> {
  const url = new URL(options.url);
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const headers = {
    accept: 'application/json',
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    ...options.headers,
  };
  const send = url.protocol === 'https:' ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      { method: options.method ?? 'GET', headers, ca: options.ca, timeout: options.timeoutMs ?? 10_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parse(text) }),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.on('error', reject);
    request.end(body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
