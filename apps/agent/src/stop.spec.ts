import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { systemClock } from '@keyfleet/platform';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { AgentProcess } from './agent-process.contract.js';
import { openSqlite } from './storage/sqlite/open.js';

const limitFileSize = (pid: number, bytes: number | 'unlimited') =>
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);

/** An agent whose disk refuses, after so many reads that it answered meanwhile. */
async function degraded(directory: string, reads: number) {
  const agent = await AgentProcess.start(directory);
  const said: string[] = [];
  agent.child.stdout?.on('data', (chunk: Buffer) => said.push(chunk.toString('utf8')));
  const pid = agent.child.pid as number;
  await agent.api.put('team/db', 'value');
  limitFileSize(pid, statSync(join(directory, 'vault.db-wal')).size);
  await waitFor(async () => (await agent.api.put('team/other', 'x'.repeat(5_000))).status === 503);
  for (let n = 0; n < reads; n += 1) expect((await agent.api.get('/secrets/team/db/value')).status).toBe(200);
  return { agent, pid, said };
}

async function readLines(directory: string): Promise<number> {
  const { storage } = openSqlite(join(directory, 'vault.db'), systemClock);
  const lines = await storage.audit({ action: 'read', limit: 1_000 });
  await storage.close();
  return lines.length;
}

describe('F11: an agent that is stopped while the disk refuses', () => {
  it('writes the lines of what it answered where there is room by then', async () => {
    const directory = temporaryDirectory('stop');
    const { agent, pid } = await degraded(directory, 20);
    limitFileSize(pid, 'unlimited');
    await agent.kill('SIGTERM');
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    expect(await readLines(directory)).toBe(20);
  }, 120_000);

  it('says how many are lost where there is none', async () => {
    const directory = temporaryDirectory('stop');
    const { agent, said } = await degraded(directory, 20);
    await agent.kill('SIGTERM');
    const lost = said
      .join('')
      .split('\n')
      .flatMap((line) => (line.includes('lost') ? [JSON.parse(line) as { lines: number }] : []));
    expect(lost).toHaveLength(1);
    // And one of the change that was refused.
    expect(lost[0]?.lines).toBe(21);
  }, 120_000);
});

describe('an agent that is stopped beside clients that are slow', () => {
  it('cuts them after a while, and ends well', async () => {
    const directory = temporaryDirectory('stop');
    const agent = await AgentProcess.start(directory);
    const { hostname, port } = new URL(
      (JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8')) as { url: string }).url,
    );
    const address = { host: hostname, port: Number(port) };
    const ca = readFileSync(join(directory, 'tls', 'ca.pem'));
    const slow = connectTls({ ...address, ca });
    const silent = connect(address);
    for (const socket of [slow, silent]) socket.on('error', () => undefined);
    await Promise.all([
      new Promise((resolve) => slow.once('secureConnect', resolve)),
      new Promise((resolve) => silent.once('connect', resolve)),
    ]);
    slow.write('PUT /api/v1/secrets/team/db HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{');
    expect((await agent.api.get('/status')).status).toBe(200);
    await agent.kill('SIGTERM');
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    slow.destroy();
    silent.destroy();
  }, 120_000);
});
