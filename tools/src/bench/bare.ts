import { join } from 'node:path';
import { freePort, type ManagedProcess } from '@keyfleet/embedded';
import type { Sql } from '@keyfleet/postgres';
import { startNodeProcess } from '../launcher/node-process.js';
import type { BareSettings } from './bare-server.js';

/** What a read model's question says to the database, without the organisation's walls around it. */
export async function bareQuery(
  ask: (sql: Sql) => Promise<unknown>,
): Promise<{ readonly text: string; readonly parameters: readonly unknown[] }> {
  const said: { text: string; parameters: readonly unknown[] }[] = [];
  const listening = {
    unsafe: async (text: string, parameters: readonly unknown[]) => {
      said.push({ text, parameters });
      return [];
    },
  };
  await ask(listening as unknown as Sql);
  const [{ text, parameters } = { text: '', parameters: [] }] = said;
  const inner = /cross join lateral \(([\s\S]*) offset 0\) as answer$/.exec(text)?.[1];
  if (inner === undefined) throw new Error('The statement of a tenant query has another form now.');
  // The scope was the first parameter and stays it.
  return { text: `select answer.* from (${inner.replaceAll('ctx.org', '$1::text')}) as answer`, parameters };
}

/** A bare Fastify with postgres.js in a process of its own. */
export async function startBareServer(
  directory: string,
  settings: Omit<BareSettings, 'port'>,
): Promise<{ readonly url: string; readonly process: ManagedProcess }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const process = await startNodeProcess({
    name: 'bare server',
    script: join(import.meta.dirname, 'bare-server.js'),
    cwd: directory,
    logFile: join(directory, 'bare-server.log'),
    env: { KEYFLEET_BARE_SERVER: JSON.stringify({ ...settings, port }) },
    ready: async () => (await fetch(`${url}/read`)).ok,
  });
  return { url, process };
}
