import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from './ports.js';

describe('a free port', () => {
  it('repro-port-taken-by-a-connection: is none the system gives to outgoing connections', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
    expect(ports.filter((port) => port >= 32_768)).toEqual([]);
  });

  it('repro-port-taken-by-a-neighbour: is given out once, and first from a part no process beside this one takes from', async () => {
    const here = await Promise.all(Array.from({ length: 20 }, () => freePort()));
    expect(new Set(here).size).toBe(20);
    const beside = `import { freePort } from '@keyfleet/embedded';
      console.log(JSON.stringify(await Promise.all(Array.from({ length: 20 }, () => freePort()))))`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '--import',
        join(process.cwd(), 'libs/testing/jest/register.mjs'),
        '--input-type=module',
        '-e',
        beside,
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    const there = JSON.parse(stdout) as number[];
    expect(there.filter((port) => here.includes(port))).toEqual([]);
  });

  it('is the preferred one, unless somebody listens there', async () => {
    const port = await freePort();
    expect(await freePort(port)).toBe(port);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    expect(await freePort(port)).not.toBe(port);
    await new Promise((resolve) => server.close(resolve));
  });
});
