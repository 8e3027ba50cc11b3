import autocannon from 'autocannon';
import { quantile } from './rounds.js';

export interface LoadOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  /** PEM of the authority to believe. */
  readonly ca?: string;
  readonly connections?: number;
  readonly seconds: number;
  /** As many as there can be, without one. */
  readonly perSecond?: number;
}

export interface LoadResult {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p95: number;
}

/** HTTP load from this process. Throws where anything but 2xx was answered: a fast refusal is no speed. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { url, headers = {}, method = 'GET', body, ca, connections = 16, seconds, perSecond } = options;
  const times: number[] = [];
  const started = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body }),
        connections,
        duration: seconds,
        ...(ca === undefined ? {} : { tlsOptions: { ca } }),
        ...(perSecond === undefined ? {} : { overallRate: perSecond }),
      },
      (error: unknown, done) => (error ? reject(error) : resolve(done)),
    );
    instance.on('response', (_client, _status, _bytes, ms) => times.push(ms));
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(
      `${url} answered ${result.non2xx} times other than 2xx, and ${result.errors} times not at all.`,
    );
  return { perSecond: (times.length * 1_000) / (performance.now() - started), p95: quantile(times, 0.95) };
}
