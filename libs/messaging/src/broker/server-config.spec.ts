import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFaultProxy, waitFor } from '@keyfleet/testing';
import { type TestAgent, TestBroker } from '../testing/index.js';

jest.setTimeout(60_000);

describe('the broker’s configuration', () => {
  let broker: TestBroker;
  let agent: TestAgent;

  beforeAll(async () => {
    broker = await TestBroker.start();
    agent = await broker.agent();
  });

  afterAll(() => broker.stop());

  it('S7: TLS 1.3 is spoken and nothing older', async () => {
    const files = ['certificate', 'privateKey', 'trustBundle'] as const;
    const [cert, key, ca] = files.map((name) => {
      const path = join(broker.directory, name);
      writeFileSync(path, agent.identity[name]);
      return path;
    }) as [string, string, string];
    // NATS greets in plain text first, so openssl meets it behind a proxy that swallows the greeting.
    const proxy = join(broker.directory, 'proxy.mjs');
    writeFileSync(proxy, GREETING_PROXY);
    const talk = (version: string) => {
      const out = spawnSync(process.execPath, [proxy, String(broker.server.port), version, cert, key, ca], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      return out.stdout + out.stderr;
    };
    expect(execFileSync('openssl', ['version'], { encoding: 'utf8' })).toContain('OpenSSL');
    const modern = talk('-tls1_3');
    expect(modern).toContain('TLSv1.3');
    expect(modern).toContain('Verify return code: 0 (ok)');
    for (const version of ['-tls1_2', '-tls1_1', '-tls1']) {
      const refused = talk(version);
      expect(refused).toMatch(/alert|no protocols available|unsupported protocol/i);
      expect(refused).not.toMatch(/Cipher is (?!\(NONE\))/);
    }
  });

  it('S1: the configuration listens on loopback only, for NATS clients only, without JetStream', () => {
    const config = readFileSync(join(broker.directory, 'nats.conf'), 'utf8');
    expect(config).toMatch(/^listen: "127\.0\.0\.1:\d+"$/m);
    for (const word of [
      'jetstream',
      'websocket',
      'mqtt',
      'leafnodes',
      'cluster',
      'gateway',
      'http',
      'authorization',
    ])
      expect(config).not.toMatch(new RegExp(`^${word}\\b`, 'm'));
    expect(config).toMatch(/verify: true/);
    const sockets = execFileSync('ss', ['-ltnpH'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(`pid=${broker.server.pid},`));
    expect(sockets).toHaveLength(1);
    expect(sockets[0]).toContain('127.0.0.1:');
  });

  it('F2: a client that hangs keeps its share of a queue group for half a minute, not for six', async () => {
    const proxy = await startFaultProxy({ port: broker.server.port });
    const servers = [`tls://127.0.0.1:${proxy.port}`];
    const [hangs, asks] = await Promise.all([broker.connectWitness(servers), broker.connectWitness()]);
    hangs.subscribe('kf.test.share', {
      queue: 'all',
      callback: (_, message) => void message.respond('here'),
    });
    await hangs.flush();
    expect((await asks.request('kf.test.share')).string()).toBe('here');
    const open = () =>
      execFileSync('ss', ['-tnpH', 'state', 'established'], { encoding: 'utf8' })
        .split('\n')
        .filter((line) => line.includes(`pid=${broker.server.pid},`)).length;
    const before = open();
    proxy.set({ mode: 'silence' });
    const began = performance.now();
    await waitFor(() => open() < before, { ceilingMs: 50_000, what: 'the broker letting go' });
    expect(performance.now() - began).toBeLessThan(45_000);
    await expect(asks.request('kf.test.share')).rejects.toThrow(/no responders/i);
    await Promise.all([hangs.close(), asks.close()]);
    await proxy.close();
  });
});

const GREETING_PROXY = `
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
const [port, version, cert, key, ca] = process.argv.slice(2);
const server = createServer((client) => {
  const broker = connect(Number(port), '127.0.0.1');
  const end = () => { client.destroy(); broker.destroy(); };
  client.on('error', end).on('close', end);
  broker.on('error', end).on('close', end);
  let greeting = '';
  const swallow = (chunk) => {
    greeting += chunk.toString('latin1');
    if (!greeting.includes('\\r\\n')) return;
    broker.off('data', swallow);
    client.pipe(broker).pipe(client);
  };
  broker.on('data', swallow);
});
server.listen(0, '127.0.0.1', () => {
  const at = '127.0.0.1:' + server.address().port;
  const openssl = spawn('openssl', ['s_client', '-connect', at, version, '-cert', cert, '-key', key, '-CAfile', ca, '-verify_return_error'], { stdio: ['pipe', 'inherit', 'inherit'] });
  setTimeout(() => openssl.stdin.end(), 1500);
  openssl.on('exit', () => process.exit(0));
});
`;
