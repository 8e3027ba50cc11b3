import { createServer } from 'node:net';
import { freePort } from './ports.js';

describe('a free port', () => {
  it('repro-port-taken-by-a-connection: is none the system gives to outgoing connections', async () => {
    const ports = await Promise.all(Array.from({ length: 50 }, () => freePort()));
    expect(ports.filter((port) => port >= 32_768)).toEqual([]);
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
