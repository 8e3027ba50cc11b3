import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import postgres from 'postgres';
import type { RunFile } from './run-file.js';
import { fakeCheckout } from './testing/fake-apps.js';

const REPOSITORY = process.cwd();
const CEILING = { ceilingMs: 60_000 };

/** The launcher as a process of its own, in a checkout whose apps are stand-ins; the servers are real. */
class RunningLauncher {
  readonly root: string;
  readonly child: ChildProcess;
  output = '';

  constructor(root: string) {
    this.root = root;
    const tool = (name: string): string[] => [
      '--import',
      join(REPOSITORY, 'libs/testing/jest/register.mjs'),
      join(REPOSITORY, 'tools/src', `${name}.ts`),
    ];
    this.child = spawn(process.execPath, tool('start'), { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    this.agentTool = (...args) =>
      spawnSync(process.execPath, [...tool('agent'), ...args], { cwd: root, encoding: 'utf8' });
  }

  readonly agentTool: (...args: string[]) => { stdout: string; stderr: string; status: number | null };

  get runFile(): RunFile {
    return JSON.parse(readFileSync(join(this.root, '.keyfleet/run.json'), 'utf8')) as RunFile;
  }

  async ready(): Promise<RunFile> {
    await waitFor(
      () => this.child.exitCode !== null || existsSync(join(this.root, '.keyfleet/run.json')),
      CEILING,
    );
    if (this.child.exitCode !== null) throw new Error(this.output);
    return this.runFile;
  }

  pidOf(name: string): number {
    return this.runFile.services.find((service) => service.name === name)?.pid ?? 0;
  }

  /** Command lines of all that still runs for this checkout. */
  left(): string[] {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => readOr(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
      .filter((line) => line.includes(this.root));
  }
}

/** An agent of an earlier start. */
function enrolledBefore(root: string, name: string, more: object): void {
  const place = join(root, '.keyfleet/agents', name);
  mkdirSync(join(place, 'link'), { recursive: true });
  writeFileSync(join(place, 'enrolment-token'), 'kfe_before\n');
  writeFileSync(
    join(place, 'link/identity.json'),
    JSON.stringify({ agentId: `agt_${name}`, token: 'kfe_before', ...more }),
  );
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  return readOr(`/proc/${pid}/cmdline`) !== '';
}

describe('the launcher', () => {
  const root = temporaryDirectory('checkout');
  let gatewayUrl = '';

  beforeAll(() => fakeCheckout(root, join(REPOSITORY, '.keyfleet', 'vendor')));

  it('starts everything, says where it is, brings services back and agents only when asked, and leaves nothing', async () => {
    const launcher = new RunningLauncher(root);
    const run = await launcher.ready();
    gatewayUrl = run.gateway.url;
    expect(run.services.map(({ name }) => name)).toEqual([
      'registry',
      'policy',
      'analytics',
      'notify',
      'gateway',
    ]);
    expect(run.orgs).toEqual([
      { id: 'org_acme', slug: 'acme' },
      { id: 'org_globex', slug: 'globex' },
    ]);
    expect(run.agents.map(({ id, org }) => [id, org])).toEqual([
      ['agt_payments-eu', 'acme'],
      ['agt_payments-us', 'acme'],
      ['agt_plant-one', 'globex'],
    ]);
    for (const { pid } of [...run.services, ...run.agents]) expect(isAlive(pid)).toBe(true);

    const sql = postgres(run.postgres.url, { max: 1 });
    await sql`create table kept as select 1 as n`;
    await sql.end();

    process.kill(launcher.pidOf('policy'), 'SIGKILL');
    const before = run.services.find(({ name }) => name === 'policy')?.pid;
    await waitFor(() => launcher.pidOf('policy') !== before && isAlive(launcher.pidOf('policy')));

    const agent = run.agents[0];
    process.kill(agent?.pid ?? 0, 'SIGKILL');
    await waitFor(() => launcher.output.includes('npm run agent -- start payments-eu'));
    expect(launcher.agentTool('list').stdout).toMatch(/payments-eu +acme +not running/);
    const brought = launcher.agentTool('start', 'payments-eu');
    expect(brought).toMatchObject({ status: 0, stdout: expect.stringMatching(/is running \(pid \d+\)/) });
    await waitFor(
      () => isAlive(launcher.runFile.agents[0]?.pid ?? 0) && launcher.runFile.agents[0]?.pid !== agent?.pid,
    );
    expect(launcher.agentTool('start', 'nobody')).toMatchObject({ status: 4 });

    const second = new RunningLauncher(root);
    await once(second.child, 'exit');
    expect(second.output).toContain('running here already');

    launcher.child.kill('SIGTERM');
    const [code] = (await once(launcher.child, 'exit')) as [number | null];
    expect([code, launcher.left()]).toEqual([0, []]);
    expect(existsSync(join(root, '.keyfleet/run.json'))).toBe(false);
    expect(launcher.agentTool('list')).toMatchObject({ status: 2 });
  }, 120_000);

  it('finds its data at the next start, and takes everything with it when it is killed with -9', async () => {
    const launcher = new RunningLauncher(root);
    const run = await launcher.ready();
    expect(run.gateway.url).toBe(gatewayUrl);
    const sql = postgres(run.postgres.url, { max: 1 });
    expect(await sql`select n from kept`).toEqual([{ n: 1 }]);
    await sql.end();
    launcher.child.kill('SIGKILL');
    await once(launcher.child, 'exit');
    await waitFor(() => launcher.left().length === 0, CEILING);
  }, 120_000);

  it('stops cleanly while it is still starting', async () => {
    const launcher = new RunningLauncher(root);
    await waitFor(() => launcher.output.includes('✓ servers') || launcher.child.exitCode !== null, CEILING);
    launcher.child.kill('SIGINT');
    const [code] = (await once(launcher.child, 'exit')) as [number | null];
    expect([code, launcher.left()]).toEqual([0, []]);
  }, 120_000);

  it('repro-revoked-demo-agent: starts all others beside revoked ones, says how they come back, and enrols anew who is asked to', async () => {
    const fleet = temporaryDirectory('checkout');
    fakeCheckout(fleet, join(REPOSITORY, '.keyfleet', 'vendor'));
    // One heard of it, one was ended before it could.
    enrolledBefore(fleet, 'payments-eu', { revokedAt: '2026-01-01T00:00:00.000Z' });
    enrolledBefore(fleet, 'plant-one', {});
    writeFileSync(
      join(fleet, '.keyfleet/fake-revoked.json'),
      JSON.stringify(['agt_payments-eu', 'agt_plant-one']),
    );
    const launcher = new RunningLauncher(fleet);
    const ids = (): string[] => launcher.runFile.agents.map(({ id }) => id);
    await launcher.ready();
    expect(ids()).toEqual(['agt_payments-eu', 'agt_payments-us', 'agt_plant-one']);
    await waitFor(() => launcher.output.includes('Ctrl-C ends everything'));
    for (const name of ['payments-eu', 'plant-one'])
      expect(launcher.output).toMatch(
        new RegExp(`${name} was revoked and .*: npm run agent -- enrol ${name}\n`),
      );
    expect(launcher.output).not.toContain('payments-us was revoked');
    expect(launcher.agentTool('list').stdout).toMatch(
      /payments-eu .*running, pid \d+; was revoked.*\npayments-us .*running, pid \d+\nplant-one .*; was revoked/,
    );

    launcher.agentTool('stop', 'payments-eu');
    expect(launcher.agentTool('list').stdout).toMatch(/payments-eu .*not running; was revoked/);
    expect(launcher.agentTool('start', 'payments-eu')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/is running \(pid \d+\)\. It was revoked .* enrol payments-eu/),
    });
    expect(launcher.agentTool('enrol', 'payments-us')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('was not revoked'),
    });
    expect(launcher.agentTool('enrol', 'plant-one')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('has not heard yet'),
    });
    expect(launcher.agentTool('enrol', 'payments-eu')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('enrolled anew, as agt_payments-eu-anew'),
    });
    expect(ids()).toEqual(['agt_payments-eu-anew', 'agt_payments-us', 'agt_plant-one']);
    expect(launcher.agentTool('list').stdout).toMatch(/payments-eu .*running, pid \d+\n/);
    launcher.child.kill('SIGTERM');
    const [code] = (await once(launcher.child, 'exit')) as [number | null];
    expect([code, launcher.left()]).toEqual([0, []]);
  }, 120_000);

  it('that cannot start a service says which, shows the end of its log, and leaves nothing', async () => {
    const broken = temporaryDirectory('checkout');
    fakeCheckout(broken, join(REPOSITORY, '.keyfleet', 'vendor'));
    writeFileSync(
      join(broken, 'apps/notify/dist/main.js'),
      'console.error("KEYFLEET_X is not set"); process.exit(7)',
    );
    const launcher = new RunningLauncher(broken);
    const [code] = (await once(launcher.child, 'exit')) as [number | null];
    expect(launcher.output).toMatch(
      /notify ended before it was ready \(exit code 7\)[\s\S]*KEYFLEET_X is not set/,
    );
    expect([code, launcher.left()]).toEqual([1, []]);
  }, 120_000);
});
