import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { askAgent } from '../e2e/client.js';
import { Stack } from '../e2e/stack.js';
import { at, type Bench, type Figure } from './bench.js';
import { load } from './load.js';
import { inTurns } from './rounds.js';

const SECONDS = 5;
const ROUNDS = 3;
const WRITERS = 16;

/** A value read at a real agent over TLS: who asks, what the policy says, decryption and audit included. */
export const agentRead: Bench = {
  name: 'agent-read',
  about: 'secret values read at an agent over HTTPS, beside bare better-sqlite3',
  sizes: [1_000, 10_000],
  run: async ({ directory, sizes, say }) => {
    const stack = await Stack.start({ directory, agents: 1 });
    try {
      const figures: Figure[] = [];
      let written = 0;
      for (const size of sizes) {
        say(`${size} secrets`);
        await write(stack, written, size);
        written = size;
        figures.push(...(await atSize(stack, directory, size)));
      }
      return figures;
    } finally {
      await stack.stop();
    }
  },
};

const path = (n: number): string => `team/app-${n % 50}/secret-${n}`;

async function write(stack: Stack, from: number, to: number): Promise<void> {
  const [agent] = stack.run.agents;
  if (!agent) throw new Error('There is no agent.');
  let next = from;
  const writer = async (): Promise<void> => {
    for (let n = next++; n < to; n = next++) {
      const value = Buffer.from(`value of ${n}, as long as passwords are`).toString('base64');
      const { status } = await askAgent(agent, 'PUT', `/secrets/${path(n)}`, { value });
      if (status !== 200 && status !== 201) throw new Error(`The agent answered ${status}.`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
}

async function atSize(stack: Stack, directory: string, size: number): Promise<Figure[]> {
  const [agent] = stack.run.agents;
  if (!agent) throw new Error('There is no agent.');
  const p95: number[] = [];
  const rows = new BareRows(join(directory, `bare-${size}.db`), size);
  const request = {
    url: `${agent.url}/api/v1/secrets/${path(size >> 1)}`,
    headers: { authorization: `Bearer ${readFileSync(agent.apiKeyFile, 'utf8').trim()}` },
    ca: readFileSync(agent.caFile, 'utf8'),
    connections: 32,
    seconds: SECONDS,
  };
  const { figure, anchorFigure } = await inTurns(
    ROUNDS,
    async () => {
      const result = await load(request);
      p95.push(result.p95);
      return result.perSecond;
    },
    async () => rows.perSecond(),
  );
  rows.close();
  return [
    {
      name: at('agent-read', size),
      figure,
      unit: 'reads/s',
      anchor: { name: 'bare better-sqlite3', figure: anchorFigure },
      note: 'The anchor is a point read in its own process: no network, no TLS, no decryption, no audit.',
    },
    { name: at('agent-read-p95', size), figure: Math.max(...p95), unit: 'ms' },
  ];
}

/** As many rows of the same make, read by key. */
class BareRows {
  readonly #db: Database.Database;
  readonly #size: number;

  constructor(file: string, size: number) {
    this.#db = new Database(file);
    this.#size = size;
    this.#db.pragma('journal_mode = WAL');
    this.#db.exec('create table secrets (path text primary key, value blob)');
    const insert = this.#db.prepare('insert into secrets values (?, ?)');
    this.#db.transaction(() => {
      for (let n = 0; n < size; n += 1) insert.run(path(n), Buffer.alloc(120, n));
    })();
  }

  perSecond(): number {
    const read = this.#db.prepare('select value from secrets where path = ?');
    const started = performance.now();
    let done = 0;
    for (; performance.now() - started < 1_000; done += 1) read.get(path(done % this.#size));
    return (done * 1_000) / (performance.now() - started);
  }

  close(): void {
    this.#db.close();
  }
}
