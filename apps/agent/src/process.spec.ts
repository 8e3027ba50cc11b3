import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GENESIS_HASH, type JournalEntry } from '@keyfleet/contracts';
import { verifyChain } from '@keyfleet/crypto';
import { newId, systemClock } from '@keyfleet/platform';
import { waitFor } from '@keyfleet/testing';
import { AgentProcess } from './agent-process.contract.js';
import { openSqlite } from './storage/sqlite/open.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'keyfleet-process-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** What lies on the disk of an agent that is not running. */
async function inspect() {
  const { storage, journal, database } = openSqlite(join(directory, 'vault.db'), systemClock);
  journal.identify({ orgId: newId('org'), agentId: newId('agt'), epoch: 1, prev: GENESIS_HASH });
  const entries = journal.pending({ entries: 1_000_000, bytes: 1e12 });
  const audit = (await storage.audit({ limit: 1_000_000 })).reverse();
  const versions = database.handle
    .prepare<[], string>("SELECT path || '@' || version FROM versions ORDER BY 1")
    .pluck()
    .all();
  const counted = database.handle
    .prepare<[], number>('SELECT coalesce(sum(count), 0) FROM usage')
    .pluck()
    .get();
  database.handle.exec('DELETE FROM journal_state; UPDATE journal SET epoch = 0');
  await storage.close();
  return { entries, audit, versions, counted: counted as number };
}

const changes = (entries: readonly JournalEntry[]) =>
  entries
    .filter(({ type }) => type === 'SecretCreated' || type === 'SecretUpdated')
    .map(({ data }) => `${data['path']}@${data['version']}`)
    .sort();

/** Every change has its entry, its line and its count, and none of them is without it. */
function consistent({ entries, audit, versions, counted }: Awaited<ReturnType<typeof inspect>>): void {
  expect(changes(entries)).toEqual(versions);
  const lines = audit.filter(
    ({ action, outcome }) => (action === 'create' || action === 'update') && outcome === 'allowed',
  );
  expect(lines.map(({ path, version }) => `${path}@${version}`).sort()).toEqual(versions);
  const reported = entries
    .filter(({ type }) => type === 'UsageReported')
    .flatMap(({ data }) => data['rows'] as { count: number }[])
    .reduce((sum, { count }) => sum + count, 0);
  // The line of the root key, made at the first start, is no request.
  expect(counted + reported).toBe(audit.length - 1);
  expect(verifyChain(entries, { seq: 0, hash: GENESIS_HASH }).intact).toBe(true);
  expect(verifyChain(audit, { seq: 0, hash: GENESIS_HASH }).intact).toBe(true);
}

describe('kill -9', () => {
  it('F11: at any moment leaves no change without its entry, no entry without its change, and nothing acknowledged lost', async () => {
    const acknowledged = new Set<string>();
    const delays = [15, 60, 140, 260];
    for (const [round, ms] of delays.entries()) {
      const agent = await AgentProcess.start(directory);
      let sent = 0;
      let alive = true;
      const worker = async (): Promise<void> => {
        while (alive) {
          const path = `team/${round}/${sent % 40}`;
          sent += 1;
          const answer = await agent.api.put(path, `value ${sent}`).catch(() => undefined);
          if (!answer) return;
          expect(answer.status).toBeLessThan(300);
          acknowledged.add(`${path}@${answer.body.version}`);
          const read = await agent.api.get(`/secrets/${path}/value`).catch(() => undefined);
          if (read) expect(read.status).toBe(200);
        }
      };
      const workers = Promise.all(Array.from({ length: 8 }, worker));
      await waitFor(() => sent > 20);
      const until = performance.now() + ms;
      await waitFor(() => performance.now() > until);
      await agent.kill();
      alive = false;
      await workers;
      const disk = await inspect();
      consistent(disk);
      expect(disk.versions).toEqual(expect.arrayContaining([...acknowledged]));
    }
    expect(acknowledged.size).toBeGreaterThan(40);
  }, 300_000);

  it.each([
    ['before', 0],
    ['after', 1],
  ])(
    'F11: just %s the commit leaves all of the change or nothing of it',
    async (when, kept) => {
      const trigger = join(directory, 'now');
      const failpoints = JSON.stringify({ [`vault.${when}-commit`]: { killWhenFile: trigger } });
      const agent = await AgentProcess.start(directory, { KEYFLEET_FAILPOINTS: failpoints });
      expect((await agent.api.put('team/first', 'x')).status).toBe(201);
      writeFileSync(trigger, '');
      await expect(agent.api.put('team/second', 'x')).rejects.toThrow();
      expect(await agent.exited).toMatchObject({ signal: 'SIGKILL' });
      agent.api.close();
      const disk = await inspect();
      consistent(disk);
      expect(disk.versions).toEqual(['team/first@1', ...(kept ? ['team/second@1'] : [])]);
    },
    60_000,
  );
});

describe('F11: a disk that refuses the running process', () => {
  const limitFileSize = (pid: number, bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);

  it('makes it degraded, not dead: it serves, refuses changes, and goes on when there is room', async () => {
    const agent = await AgentProcess.start(directory);
    const { api } = agent;
    const pid = agent.child.pid as number;
    await api.put('team/db', 'value');
    limitFileSize(pid, statSync(join(directory, 'vault.db-wal')).size);
    const refused = await waitFor(async () => {
      const answer = await api.put('team/db', 'x'.repeat(5_000));
      return answer.status === 503 && answer;
    });
    expect(refused.body.code).toBe('vault.degraded');
    expect(refused.headers['retry-after']).toBe('5');
    const read = await api.get('/secrets/team/db/value');
    expect(read.status).toBe(200);
    expect((await api.get('/status')).body.storage).toBe('degraded');
    const about = JSON.parse(readFileSync(join(directory, 'agent.json'), 'utf8'));
    expect((await fetch(`${about.operationsUrl}/readyz`)).status).toBe(503);

    limitFileSize(pid, 'unlimited');
    await waitFor(async () => (await api.get('/status')).body.storage === 'ok');
    const { body } = await api.put('team/db', 'another');
    const before = Buffer.from(read.body.value, 'base64').toString();
    expect(body.version).toBe(read.body.version + 1);
    expect(before === 'value' || before.startsWith('xxx')).toBe(true);
    await agent.kill('SIGTERM');
    const disk = await inspect();
    consistent(disk);
    const health = disk.entries
      .filter(({ type }) => type === 'HealthChanged')
      .map(({ data }) => data['storage']);
    expect(health).toEqual(['degraded', 'ok']);
    expect(disk.audit.filter(({ code }) => code === 'vault.degraded').length).toBeGreaterThan(0);
  }, 180_000);
});

describe('the process', () => {
  it('ends cleanly on SIGTERM', async () => {
    const agent = await AgentProcess.start(directory);
    await agent.kill('SIGTERM');
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(join(directory, 'agent.json'))).toBe(false);
  }, 180_000);

  it('ends with a launcher that opened a channel to it, and outlives one that did not', async () => {
    const linked = await AgentProcess.start(directory, {}, true);
    linked.child.disconnect();
    expect(await linked.exited).toEqual({ code: 0, signal: null });
    linked.api.close();
    const watching = await AgentProcess.start(directory, { KEYFLEET_PARENT_WATCH: 'stdin' });
    watching.child.stdin?.end();
    expect(await watching.exited).toEqual({ code: 0, signal: null });
    watching.api.close();
    const alone = await AgentProcess.start(directory);
    alone.child.stdin?.end();
    expect((await alone.api.get('/status')).status).toBe(200);
    await alone.kill('SIGTERM');
  }, 300_000);

  it('names what is wrong with its configuration, and does not start', async () => {
    const labels = AgentProcess.start(directory, { KEYFLEET_AGENT__LABELS: 'env' });
    await expect(labels).rejects.toThrow(/agent\.labels|KEYFLEET_AGENT__LABELS/);
    const unknown = AgentProcess.start(directory, { KEYFLEET_AGENT__DIRECTRY: directory });
    await expect(unknown).rejects.toThrow(/KEYFLEET_AGENT__DIRECTORY/);
  }, 180_000);
});
