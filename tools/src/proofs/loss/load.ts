import { readFileSync } from 'node:fs';
import { Agent as Connections, request } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunFile } from '../../launcher/run-file.js';

type Agent = RunFile['agents'][number];

export interface LoadOptions {
  /** As the run file has it now: a restarted agent may be found elsewhere. */
  readonly agent: () => Agent;
  readonly entries: number;
  /** From 0 to 1: so much of them may be written by now. */
  readonly progress: () => number;
  readonly random: () => number;
  /** Told of each version that the agent's API confirmed, as `path@version`. */
  readonly onConfirmed: (written: string) => void;
}

const WRITERS = 4;
const GIVE_UP_MS = 180_000;

/**
 * Writes secrets at one agent, each of which is one journal entry. A write whose answer got lost is made again, on a
 * path of its own.
 */
export async function writeSecrets(options: LoadOptions): Promise<void> {
  const { apiKeyFile, caFile } = options.agent();
  const key = readFileSync(apiKeyFile, 'utf8').trim();
  const connections = new Connections({
    keepAlive: true,
    ca: readFileSync(caFile, 'utf8'),
    maxSockets: WRITERS,
  });
  const write = writing(options, connections, key);
  let next = 0;
  const writer = async (): Promise<void> => {
    for (let n = next++; n < options.entries; n = next++) {
      while (n / options.entries > options.progress()) await delay(20);
      options.onConfirmed(await write(n));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  connections.destroy();
}

function writing({ agent, random }: LoadOptions, connections: Connections, key: string) {
  return async (n: number): Promise<string> => {
    const value = Buffer.from(`value ${n} ${random()}`).toString('base64');
    const until = performance.now() + GIVE_UP_MS;
    for (let attempt = 0; ; attempt += 1) {
      const path = `proof/loss/${n}-${attempt}`;
      const version = await put(`${agent().url}/api/v1/secrets/${path}`, { value }, { connections, key });
      if (version !== undefined) return `${path}@${version}`;
      if (performance.now() > until) throw new Error(`An agent confirmed nothing for ${GIVE_UP_MS} ms.`);
      await delay(100 + 400 * random());
    }
  };
}

/** Undefined where nothing was confirmed, whatever came instead. */
function put(
  url: string,
  body: object,
  { connections, key }: { connections: Connections; key: string },
): Promise<number | undefined> {
  const text = JSON.stringify(body);
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  };
  return new Promise((resolve) => {
    const sent = request(url, { method: 'PUT', agent: connections, headers, timeout: 10_000 }, (response) => {
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (answer += chunk));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(versionIn(response.statusCode, answer)));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve(undefined));
    sent.end(text);
  });
}

function versionIn(status: number | undefined, answer: string): number | undefined {
  if (status !== 200 && status !== 201) return undefined;
  try {
    return (JSON.parse(answer) as { version?: number }).version;
  } catch {
    return undefined;
  }
}
