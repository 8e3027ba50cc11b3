import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
