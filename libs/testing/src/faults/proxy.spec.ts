import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '../wait-for.js';
import { type FaultProxy, startFaultProxy } from './proxy.js';

let echo: Server;
let proxy: FaultProxy;

beforeEach(async () => {
  echo = createServer((socket) => socket.pipe(socket).on('error', () => {})).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await startFaultProxy({ port: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.close();
  echo.close();
});

async function client(): Promise<{ socket: Socket; heard: () => string; error: () => string | undefined }> {
  const socket = connect(proxy.port, proxy.host);
  let heard = '';
  let error: string | undefined;
  socket.on('data', (chunk) => {
    heard += chunk.toString();
  });
  socket.on('error', (failure: NodeJS.ErrnoException) => {
    error = failure.code;
  });
  await once(socket, 'connect');
  return { socket, heard: () => heard, error: () => error };
}

describe('the fault proxy', () => {
  it('passes everything on while nothing is wrong, and tells how to reach it', async () => {
    const { socket, heard } = await client();
    socket.write('hello');
    await waitFor(() => heard() === 'hello');
    expect(proxy.connections).toBe(1);
    expect(proxy.through('postgres://u:p@db:5432/x')).toBe(`postgres://u:p@127.0.0.1:${proxy.port}/x`);
    socket.end();
    await waitFor(() => proxy.connections === 0);
  });

  it('keeps silent with open connections, and lets what was held back flow in order when healed', async () => {
    const { socket, heard } = await client();
    proxy.set({ mode: 'silence' });
    socket.write('one ');
    await delay(50);
    socket.write('two');
    expect(heard()).toBe('');
    expect(socket.destroyed).toBe(false);
    proxy.heal();
    await waitFor(() => heard() === 'one two');
    socket.destroy();
  });

  it('holds back only the answers while they are not to be heard', async () => {
    let said = '';
    echo.on('connection', (socket) => socket.on('data', (chunk) => (said += String(chunk))));
    const { socket, heard } = await client();
    proxy.set({ mode: 'unanswered' });
    socket.write('one');
    await waitFor(() => said === 'one');
    await delay(50);
    expect(heard()).toBe('');
    proxy.heal();
    await waitFor(() => heard() === 'one');
    socket.destroy();
  });

  it('resets open connections, and new ones while it refuses', async () => {
    const first = await client();
    proxy.reset();
    await waitFor(() => first.error() === 'ECONNRESET');
    proxy.set({ mode: 'refuse' });
    const second = connect(proxy.port, proxy.host);
    const [failure] = (await once(second, 'error')) as [NodeJS.ErrnoException];
    expect(failure.code).toBe('ECONNRESET');
  });

  it('delays and throttles, each by what it was told at least', async () => {
    const { socket, heard } = await client();
    proxy.set({ delayMs: 30 });
    const started = performance.now();
    socket.write('x');
    await waitFor(() => heard() === 'x');
    expect(performance.now() - started).toBeGreaterThanOrEqual(59);
    proxy.set({ delayMs: 0, bytesPerSecond: 10_000 });
    const throttled = performance.now();
    socket.write('y'.repeat(1_000));
    await waitFor(() => heard().length === 1_001);
    expect(performance.now() - throttled).toBeGreaterThanOrEqual(199);
    socket.destroy();
  });
});
