import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { findServer } from './find-server.js';

const originalPath = process.env.PATH;
let tools: string;

/** Stands in for a tool of the distribution. */
function fakeTool(name: string, body: string): void {
  const file = join(tools, name);
  mkdirSync(tools, { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, 0o755);
}

beforeEach(() => {
  tools = temporaryDirectory('tools');
  process.env.PATH = `${tools}${delimiter}${originalPath}`;
});

afterEach(() => {
  process.env.PATH = originalPath;
});

describe('finding a server', () => {
  it('prefers the one on PATH', async () => {
    fakeTool('redis-server', 'exit 0');
    expect(await findServer('redis-server')).toEqual({ path: join(tools, 'redis-server'), env: {} });
  });

  it('else unpacks its package with the libraries it misses, without installing, and only once', async () => {
    fakeTool(
      'apt-get',
      `case "$*" in
        *" -s "*) echo "Inst libexample (1.0 Debian)"; echo "Inst redis-server (7.0 Debian)";;
        *" download "*) for package in "$@"; do case "$package" in redis-server|libexample) touch "$package.deb";; esac; done;;
        *) exit 1;;
      esac`,
    );
    fakeTool(
      'dpkg-deb',
      'mkdir -p "$3/usr/bin" "$3/usr/lib/x86_64-linux-gnu"; touch "$3/usr/bin/redis-server"',
    );
    const vendorDirectory = temporaryDirectory('vendor');
    const said: string[] = [];
    const options = { vendorDirectory, usePath: false, onProgress: (line: string) => void said.push(line) };
    const found = await findServer('redis-server', options);
    expect(existsSync(found.path)).toBe(true);
    expect(found.env.LD_LIBRARY_PATH).toContain('usr/lib/x86_64-linux-gnu');
    expect(await findServer('redis-server', options)).toEqual(found);
    expect(said).toHaveLength(1);
  });

  it('fetches package lists of its own when the system has none', async () => {
    fakeTool(
      'apt-get',
      `case "$*" in
        *Dir::State::lists*" update "*) exit 0;;
        *Dir::State::lists*" -s "*) echo "Inst redis-server (7.0 Debian)";;
        *Dir::State::lists*" download "*) touch redis-server.deb;;
        *) echo "E: Unable to locate package redis-server" >&2; exit 100;;
      esac`,
    );
    fakeTool('dpkg-deb', 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/redis-server"');
    const found = await findServer('redis-server', {
      vendorDirectory: temporaryDirectory('vendor'),
      usePath: false,
    });
    expect(existsSync(found.path)).toBe(true);
  });

  it('else says which package is missing, why it could not be had, and what else would do', async () => {
    fakeTool('apt-get', 'echo "E: Unable to locate package nats-server" >&2; exit 100');
    const vendorDirectory = temporaryDirectory('vendor');
    await expect(findServer('nats-server', { vendorDirectory, usePath: false })).rejects.toThrow(
      /nats-server is not installed.*Unable to locate package nats-server.*Install the package "nats-server".*docker compose up/,
    );
    expect(existsSync(join(vendorDirectory, 'nats-server', 'root'))).toBe(false);
  });
});
