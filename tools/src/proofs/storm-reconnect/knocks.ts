import { request } from 'node:http';
import { createCertificateRequest, newNkeySeed, nkeySigner } from '@keyfleet/crypto';

export interface KnockOptions {
  readonly url: string;
  readonly token: string;
  readonly count: number;
  /** The address the attempts come from; any of 127.0.0.0/8 is ours. */
  readonly from: string;
  readonly signal: AbortSignal;
}

/** How attempts to enrol were answered. */
export interface Knocks {
  readonly attempts: number;
  readonly letIn: number;
  /** The token was refused. */
  readonly refused: number;
  /** 429: come again later. */
  readonly busy: number;
  readonly busyWithoutRetryAfter: number;
  readonly other: number;
}

const AT_ONCE = 16;
const TIMEOUT_MS = 60_000;

/** Asks to be enrolled with this token over and over, each time as somebody else. */
export async function knockWrongly({ url, token, count, from, signal }: KnockOptions): Promise<Knocks> {
  const { csr } = await createCertificateRequest();
  const knocks = { attempts: 0, letIn: 0, refused: 0, busy: 0, busyWithoutRetryAfter: 0, other: 0 };
  const knock = async () => {
    while (knocks.attempts < count && !signal.aborted) {
      knocks.attempts += 1;
      const { nkey } = nkeySigner(newNkeySeed());
      const body = { token, name: `knock-${knocks.attempts}`, labels: {}, csr, nkey, agentVersion: '1.2.3' };
      const { status, retryAfter } = await post(`${url}/api/v1/enrol`, body, from).catch(() => NO_ANSWER);
      knocks[kindOf(status)] += 1;
      if (status === 429 && !retryAfter) knocks.busyWithoutRetryAfter += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, knock));
  return knocks;
}

function kindOf(status: number): 'letIn' | 'busy' | 'refused' | 'other' {
  if (status === 200 || status === 201) return 'letIn';
  if (status === 429) return 'busy';
  return status >= 400 && status < 500 ? 'refused' : 'other';
}

interface Answered {
  readonly status: number;
  readonly retryAfter: boolean;
}

const NO_ANSWER: Answered = { status: 0, retryAfter: false };

function post(url: string, body: object, localAddress: string): Promise<Answered> {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers, localAddress, timeout: TIMEOUT_MS });
    sent.on('response', (response) => {
      response.resume();
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers['retry-after'] !== undefined,
        }),
      );
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('timed out')));
    sent.on('error', reject);
    sent.end(text);
  });
}
