import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import type { AgentPlace } from './agents.js';
import { startTraffic } from './traffic.js';

/** An agent's place whose API answers when it is told to. */
async function slowAgent() {
  const waiting: (() => void)[] = [];
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    waiting.push(() => response.end('{}'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const directory = temporaryDirectory('place');
  const [apiKeyFile, caFile] = [join(directory, 'key'), join(directory, 'ca')];
  writeFileSync(apiKeyFile, 'key');
  writeFileSync(caFile, 'ca');
  const { port } = server.address() as AddressInfo;
  const demo = { org: 'acme', name: 'site', labels: {} };
  const place: AgentPlace = { demo, url: `http://127.0.0.1:${port}`, directory, apiKeyFile, caFile };
  return { place, server, asked: () => asked, answer: () => waiting.shift()?.() };
}

describe('traffic', () => {
  it('asks an agent that hangs nothing more until it answers, so that no connections pile up', async () => {
    const { place, server, asked, answer } = await slowAgent();
    const stop = startTraffic([place]);
    await waitFor(() => asked() === 1);
    // Two turns more, at least.
    await delay(2_600);
    expect(asked()).toBe(1);
    answer();
    await waitFor(() => asked() === 2);
    stop();
    server.closeAllConnections();
    server.close();
  });
});
