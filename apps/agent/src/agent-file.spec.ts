import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger, createMetrics, systemClock } from '@keyfleet/platform';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { type RunningAgent, startAgent } from './agent.js';
import { ApiClient } from './api/client.contract.js';
import { agentConfig } from './config.js';
import { writePrivateFile } from './files.js';

const log: { msg: string }[] = [];

function start(directory: string): Promise<RunningAgent> {
  const destination = { write: (line: string) => void log.push(JSON.parse(line)) };
  return startAgent({
    config: agentConfig.parse({ agent: { directory, name: 'site-7' } }),
    ...{ version: '0.1.0', clock: systemClock },
    logger: createLogger({ service: 'agent', version: '0.1.0', destination }),
    metrics: createMetrics({ service: 'agent', version: '0.1.0', runtime: false }),
  });
}

describe('F11: agent.json that cannot be written', () => {
  it('keeps no agent from serving, is told of once, and comes when it can', async () => {
    const directory = temporaryDirectory('agent-file');
    const path = join(directory, 'agent.json');
    mkdirSync(join(path, 'in-the-way'), { recursive: true });
    const agent = await start(directory);
    const api = new ApiClient(directory, agent.url);
    try {
      expect((await api.put('team/db', 'value')).status).toBe(201);
      expect((await api.get('/secrets/team/db/value')).status).toBe(200);
      expect(readdirSync(directory).filter((name) => name.endsWith('.part'))).toEqual([]);
      expect(log.filter(({ msg }) => msg.startsWith('agent.json could not be written'))).toHaveLength(1);
      rmSync(path, { recursive: true });
      await waitFor(() => existsSync(path), { ceilingMs: 30_000, what: 'agent.json' });
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ url: agent.url, agentId: null });
    } finally {
      api.close();
      await agent.close();
    }
    expect(existsSync(path)).toBe(false);
  }, 60_000);
});

describe('a private file', () => {
  it('leaves no part of it behind where it cannot be put in its place', () => {
    const directory = temporaryDirectory('private-file');
    mkdirSync(join(directory, 'key', 'in-the-way'), { recursive: true });
    expect(() => writePrivateFile(join(directory, 'key'), 'secret')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(readdirSync(directory)).toEqual(['key']);
  });
});
