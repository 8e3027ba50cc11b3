import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';

const BOOTSTRAP = join(process.cwd(), 'tools', 'bootstrap');
const LOCK = {
  packages: {
    '': {},
    'node_modules/one': { version: '1.0.0' },
    'node_modules/mac': { version: '1.0.0', optional: true },
  },
};

/** A folder with a lock file, and a stand-in for npm on PATH. */
function folder(npm?: string): { root: string; path: string } {
  const root = temporaryDirectory('bootstrap');
  const bin = join(root, 'bin');
  mkdirSync(bin);
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(LOCK));
  if (npm !== undefined) {
    writeFileSync(join(bin, 'npm'), `#!/bin/sh\necho "$@" >> ${root}/npm-calls\n${npm}\n`);
    chmodSync(join(bin, 'npm'), 0o755);
  }
  return { root, path: npm === undefined ? bin : `${bin}:/usr/bin:/bin` };
}

/** Calls a function of a bootstrap module in a process of its own, as the scripts do before anything is installed. */
function inProcess(
  module: string,
  expression: string,
  path = process.env.PATH,
): { code: number | null; err: string } {
  const script = `import * as m from ${JSON.stringify(join(BOOTSTRAP, `${module}.mjs`))};
    try { await (${expression}); } catch (error) { console.error(error.message); process.exit(3); }`;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: path },
    encoding: 'utf8',
  });
  return { code: result.status, err: result.stderr };
}

const install = (root: string, path: string): { code: number | null; err: string } =>
  inProcess('install', `m.install(${JSON.stringify(root)})`, path);
const INSTALLED = 'mkdir -p node_modules';

describe('installing', () => {
  it('runs npm ci once for a lock file, and again when the lock has changed', () => {
    const { root, path } = folder(INSTALLED);
    const calls = (): number => readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n').length;
    expect(install(root, path).code).toBe(0);
    expect(install(root, path).code).toBe(0);
    expect(calls()).toBe(1);
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ packages: { 'node_modules/one': { version: '2.0.0' } } }),
    );
    expect(install(root, path).code).toBe(0);
    expect(calls()).toBe(2);
  });

  it('leaves alone what somebody installed by hand from the same lock, other platforms’ packages left out', () => {
    const { root, path } = folder('exit 1');
    mkdirSync(join(root, 'node_modules'));
    const hidden = { packages: { 'node_modules/one': { version: '1.0.0' } } };
    writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify(hidden));
    expect(install(root, path)).toEqual({ code: 0, err: '' });
    expect(existsSync(join(root, 'npm-calls'))).toBe(false);
  });

  it.each([
    ['no npm', undefined, 'npm is not on PATH'],
    ['a full disk', 'echo "npm error code ENOSPC" >&2; exit 1', 'The disk is full'],
    ['no network', 'echo "npm error code ENOTFOUND" >&2; exit 1', 'The npm registry cannot be reached'],
    ['a lock that does not fit', 'echo "npm error code EUSAGE" >&2; exit 1', 'do not fit together'],
    ['anything else', 'echo "npm error strange" >&2; exit 1', 'npm ci failed:\nnpm error strange'],
  ])('says in one sentence what is wrong: %s', (_, npm, sentence) => {
    const { root, path } = folder(npm);
    const { code, err } = install(root, path);
    expect(code).toBe(3);
    expect(err).toContain(sentence);
    expect(existsSync(join(root, 'node_modules/.keyfleet-lock-hash'))).toBe(false);
  });
});

/** A checkout that is installed and built; npm, nx, Jest and the commands are stand-ins that say that they ran. */
function checkout(): { root: string; run: (...args: string[]) => { code: number | null; text: string } } {
  const { root, path } = folder(INSTALLED);
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  for (const name of ['bootstrap.mjs', 'bootstrap'])
    cpSync(join(BOOTSTRAP, '..', name), join(root, 'tools', name), { recursive: true });
  for (const command of ['agent', 'start', 'prepare', 'check', 'proofs/leak'])
    write(`tools/dist/${command}.js`, `console.log('${command}')`);
  write('node_modules/jest/bin/jest.js', "console.log('jest')");
  write(
    'node_modules/.bin/nx',
    `require('node:fs').writeFileSync(${JSON.stringify(join(root, 'built'))}, '')`,
  );
  write('node_modules/.package-lock.json', JSON.stringify(LOCK));
  symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  const run = (...args: string[]) => {
    const entry = join(root, 'tools/bootstrap.mjs');
    const result = spawnSync(process.execPath, [entry, ...args], { env: { PATH: path }, encoding: 'utf8' });
    return { code: result.status, text: `${result.stdout}${result.stderr}` };
  };
  return { root, run };
}

/** As after a `git pull`. */
function changeLock(root: string): void {
  const packages = { ...LOCK.packages, 'node_modules/one': { version: '2.0.0' } };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
}

describe('beside an installation that runs', () => {
  const servers: Server[] = [];

  /** What a launcher is to those who look for one. */
  async function launcherIn(root: string): Promise<Server> {
    mkdirSync(join(root, '.keyfleet'));
    const server = createServer().listen(join(root, '.keyfleet/control.sock'));
    servers.push(server);
    await once(server, 'listening');
    return server;
  }

  afterAll(() => {
    for (const server of servers) server.close();
  });

  it.each([['agent'], ['start']])(
    'repro-install-under-running: npm run %s asks it or is told of it, and installs and builds nothing',
    async (command) => {
      const { root, run } = checkout();
      await launcherIn(root);
      changeLock(root);
      expect(run(command)).toEqual({ code: 0, text: `${command}\n` });
      expect([existsSync(join(root, 'npm-calls')), existsSync(join(root, 'built'))]).toEqual([false, false]);
    },
  );

  it.each([
    ['npm test', ['test', '--', 'libs/kernel']],
    ['npm run check', ['check']],
    ['npm run proof:leak', ['proof', 'leak', '--scale', '0.1']],
  ])(
    'repro-install-under-running: %s takes no packages away, and says what to do first',
    async (typed, args) => {
      const { root, run } = checkout();
      const server = await launcherIn(root);
      changeLock(root);
      const refused = run(...args);
      expect(refused.code).toBe(1);
      expect(refused.text).toMatch(
        /^\nKeyfleet runs here, [^\n]* End it first \(Ctrl-C in its terminal\), then: /,
      );
      expect(refused.text).toContain(`then: ${typed}\n`);
      expect([existsSync(join(root, 'npm-calls')), existsSync(join(root, 'built'))]).toEqual([false, false]);
      server.close();
      await once(server, 'close');
      expect(run(...args)).toMatchObject({ code: 0, text: expect.stringContaining('Packages installed in') });
      expect(existsSync(join(root, 'built'))).toBe(true);
    },
  );

  it('tests run where there is nothing to install', async () => {
    const { root, run } = checkout();
    await launcherIn(root);
    expect(run('test')).toEqual({ code: 0, text: 'prepare\njest\n' });
    expect([existsSync(join(root, 'npm-calls')), existsSync(join(root, 'built'))]).toEqual([false, true]);
  });

  it('is told by its socket: where none listens a start installs and builds, what only talks to one still does not', () => {
    const { root, run } = checkout();
    changeLock(root);
    expect(run('agent')).toEqual({ code: 0, text: 'agent\n' });
    expect(run('start').text).toContain('Packages installed in');
    expect(existsSync(join(root, 'built'))).toBe(true);
  });

  it('a command without its packages installs them first', () => {
    const { root, run } = checkout();
    rmSync(join(root, 'node_modules/.package-lock.json'));
    expect(run('agent').text).toMatch(/^agent\n[^]*Packages installed in/);
  });
});

describe('the machine', () => {
  it('is told when its Node is too old to begin with', () => {
    for (const version of ['18.20.0', '20.18.9'])
      expect(inProcess('machine', `m.checkNode('${version}')`).err).toContain('needs Node 20.19 or newer');
    for (const version of ['20.19.0', '22.1.0', '24.0.0'])
      expect(inProcess('machine', `m.checkNode('${version}')`)).toEqual({ code: 0, err: '' });
  });
});

describe('handing over', () => {
  const root = temporaryDirectory('hand-over');
  const handOver = `import { handOver } from ${JSON.stringify(join(BOOTSTRAP, 'hand-over.mjs'))};`;

  function start(child: string): ReturnType<typeof spawn> {
    const script = `${handOver} process.exitCode = await handOver(${JSON.stringify(root)}, ['-e', ${JSON.stringify(child)}]);`;
    return spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  it('passes the exit code on', async () => {
    const [code] = (await once(start('process.exit(7)'), 'exit')) as [number];
    expect(code).toBe(7);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('waits for its child to end after %s', async (signal) => {
    const parent = start(`
      for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => setTimeout(() => { console.log('done'); process.exit(0); }, 30));
      setInterval(() => {}, 1000); console.log('up');`);
    let out = '';
    parent.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    await waitFor(() => out.includes('up'));
    parent.kill(signal);
    const [code] = (await once(parent, 'close')) as [number];
    expect([code, out]).toEqual([0, 'up\ndone\n']);
  });

  it('lets its child know when it is killed itself', async () => {
    const file = join(root, 'gone');
    const parent = start(`
      process.on('disconnect', () => { require('node:fs').writeFileSync(${JSON.stringify(file)}, ''); process.exit(0); });
      console.log('up');`);
    await once(parent.stdout as NodeJS.ReadableStream, 'data');
    parent.kill('SIGKILL');
    await waitFor(() => existsSync(file));
  });
});
