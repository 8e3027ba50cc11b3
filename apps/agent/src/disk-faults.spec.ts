import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GENESIS_HASH } from '@keyfleet/contracts';
import { verifyChain } from '@keyfleet/crypto';
import { findServer } from '@keyfleet/embedded';
import { newId, systemClock } from '@keyfleet/platform';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { AgentProcess } from './agent-process.contract.js';
import { openSqlite } from './storage/sqlite/open.js';

/** From now on every sync to disk of the process fails as on a dying disk, until `heal`. */
async function failSyncs(pid: number): Promise<{ readonly failed: number; heal(): Promise<void> }> {
  const { path, env } = await findServer('strace');
  const calls = 'fsync,fdatasync';
  const child: ChildProcess = spawn(
    path,
    ['-f', '-p', String(pid), '-e', `trace=${calls}`, '-e', `inject=${calls}:error=EIO`],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } },
  );
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await waitFor(() => said.includes('attached') && isTraced(pid), { ceilingMs: 20_000, what: 'strace' });
  return {
    get failed() {
      return said.split('(INJECTED)').length - 1;
    },
    heal: async () => {
      child.kill('SIGINT');
      await exited;
    },
  };
}

function isTraced(pid: number): boolean {
  return !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** Versions and journal as they lie on the disk of an agent that does not run. */
async function onDisk(directory: string) {
  const { storage, journal, database } = openSqlite(join(directory, 'vault.db'), systemClock);
  journal.identify({ orgId: newId('org'), agentId: newId('agt'), epoch: 1, prev: GENESIS_HASH });
  const entries = journal.pending({ entries: 1_000_000, bytes: 1e12 });
  const versions = database.handle
    .prepare<[], string>("SELECT path || '@' || version FROM versions ORDER BY 1")
    .pluck()
    .all();
  database.handle.exec('DELETE FROM journal_state; UPDATE journal SET epoch = 0');
  await storage.close();
  return { entries, versions };
}

function expectWhole({ entries, versions }: Awaited<ReturnType<typeof onDisk>>): void {
  const told = entries
    .filter(({ type }) => type === 'SecretCreated' || type === 'SecretUpdated')
    .map(({ data }) => `${String(data['path'])}@${String(data['version'])}`);
  expect(told.sort()).toEqual(versions);
  expect(verifyChain(entries, { seq: 0, hash: GENESIS_HASH }).intact).toBe(true);
}

describe('F11: a disk whose fsync fails', () => {
  it('is never believed: the write is refused, what was there is served, and the agent goes on when it is mended', async () => {
    const directory = temporaryDirectory('eio');
    const agent = await AgentProcess.start(directory);
    const { api } = agent;
    expect((await api.put('team/db', 'first')).status).toBe(201);
    const faults = await failSyncs(agent.child.pid as number);
    const refused = await api.put('team/db', 'second');
    expect(refused).toMatchObject({ status: 503, body: { code: 'vault.degraded' } });
    expect(faults.failed).toBeGreaterThan(0);
    // The same sync asked for again would succeed with what was lost: it must not turn the refusal into a success.
    for (let n = 0; n < 5; n += 1) expect((await api.put(`team/other-${n}`, 'x')).status).toBe(503);
    const read = await api.get('/secrets/team/db/value');
    expect(Buffer.from(read.body.value, 'base64').toString()).toBe('first');
    expect((await api.get('/status')).body.storage).toBe('degraded');

    await faults.heal();
    await waitFor(async () => (await api.get('/status')).body.storage === 'ok', { ceilingMs: 60_000 });
    expect((await api.put('team/db', 'third')).body.version).toBe(2);
    await agent.kill();
    const disk = await onDisk(directory);
    expectWhole(disk);
    expect(disk.versions).toEqual(['team/db@1', 'team/db@2']);
  }, 180_000);

  it('leaves no half of anything where the process dies while it lasts', async () => {
    const directory = temporaryDirectory('eio-kill');
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const agent = await AgentProcess.start(directory);
      const put = async (path: string): Promise<number> => {
        const { status, body } = await agent.api.put(path, 'x'.repeat(2_000));
        if (status < 300) acknowledged.push(`${path}@${body.version}`);
        return status;
      };
      for (let n = 0; n < 5; n += 1) expect(await put(`team/${round}/${n}`)).toBeLessThan(300);
      const faults = await failSyncs(agent.child.pid as number);
      for (let n = 5; n < 10; n += 1) expect(await put(`team/${round}/${n}`)).toBe(503);
      await agent.kill();
      await faults.heal();
      const disk = await onDisk(directory);
      expectWhole(disk);
      expect(disk.versions).toEqual(expect.arrayContaining(acknowledged));
    }
    expect(acknowledged).toHaveLength(15);
    expect(statSync(join(directory, 'vault.db')).size).toBeGreaterThan(0);
  }, 240_000);
});
