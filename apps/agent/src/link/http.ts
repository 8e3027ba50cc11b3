import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

export interface JsonAnswer {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** The server's own time, where it says it. */
  readonly date: number | undefined;
  /** Undefined where it was no JSON. */
  readonly body: unknown;
}

export interface PostOptions {
  readonly url: URL;
  readonly body: object;
  /** PEM; the only authorities believed. */
  readonly authorities?: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const MAX_ANSWER_BYTES = 256 * 1024;

export function isLoopback(url: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
}

/** One request with one answer, no redirects, no proxy of the environment. Rejects where there was no whole answer. */
export function postJson(options: PostOptions): Promise<JsonAnswer> {
  const { url, body, authorities, timeoutMs } = options;
  const text = JSON.stringify(body);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]);
  const common = {
    method: 'POST',
    agent: false,
    signal,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      accept: 'application/json',
    },
  };
  const tls: SecureContextOptions & { allowPartialTrustChain: boolean } = {
    ca: authorities ? [...authorities] : [],
    minVersion: 'TLSv1.2',
    // The pinned authority may be an intermediate.
    allowPartialTrustChain: true,
  };
  return new Promise((resolve, reject) => {
    const sent =
      url.protocol === 'https:' ? tlsRequest(url, { ...common, ...tls }) : plainRequest(url, common);
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const { 'retry-after': retryAfter, date } = response.headers;
        resolve({
          status: response.statusCode ?? 0,
          retryAfterMs: retryAfterMs(retryAfter),
          date: date === undefined ? undefined : Date.parse(date),
          body: parse(Buffer.concat(chunks).toString('utf8')),
        });
      });
    });
    sent.end(text);
  });
}

function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Error code of a problem document; undefined where the answer is none. */
export function problemCode(answer: JsonAnswer): string | undefined {
  const { body } = answer;
  if (typeof body !== 'object' || body === null || !('code' in body)) return undefined;
  return typeof body.code === 'string' ? body.code : undefined;
}
