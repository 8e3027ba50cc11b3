import { type BrokerIdentity, natsConnectionOptions, parseCredentials } from './connection.js';

const identity: BrokerIdentity = { jwt: 'j', seed: 's', certificate: 'c', privateKey: 'k', trustBundle: 't' };

function optionsOf(change: Partial<Parameters<typeof natsConnectionOptions>[0]> = {}) {
  return natsConnectionOptions({
    servers: ['tls://127.0.0.1:1'],
    identity: () => identity,
    inboxPrefix: '_INBOX.x',
    name: 'x',
    ...change,
  });
}

const server = { listen: '127.0.0.1:1' } as never;

function delays(options: ReturnType<typeof optionsOf>, count: number): number[] {
  return Array.from({ length: count }, () => {
    const answer = options.reconnectToServer?.([server], null);
    if (!answer || !('delay' in answer)) throw new Error('no delay');
    return answer.delay ?? 0;
  });
}

describe('connections', () => {
  it('F7: the first attempt is made at once, every later one at a moment drawn from the whole window', () => {
    let window = 60_000;
    const options = optionsOf({ reconnectWindowMs: () => window });
    expect(delays(options, 1)).toEqual([0]);
    const drawn = delays(options, 2_000).sort((a, b) => a - b);
    const at = (share: number) => drawn[Math.floor(share * drawn.length)] ?? 0;
    // Even over the window: each tenth of the clients comes in about a tenth of it.
    for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      expect(at(share)).toBeGreaterThan(60_000 * (share - 0.05));
      expect(at(share)).toBeLessThan(60_000 * (share + 0.05));
    }
    window = 1_000;
    expect(Math.max(...delays(options, 100))).toBeLessThanOrEqual(1_000);
  });

  it('F7: a client never gives up, whatever it is refused for', () => {
    const options = optionsOf();
    expect(options.maxReconnectAttempts).toBe(-1);
    expect(options.ignoreAuthErrorAbort).toBe(true);
    expect(Math.min(...delays(optionsOf({ random: () => 0 }), 5).slice(1))).toBeGreaterThan(0);
  });

  it('F28: a renewed identity counts from the next attempt, and one that cannot be read for a moment does not end the client', () => {
    let current: BrokerIdentity | undefined = identity;
    const options = optionsOf({
      identity: () => {
        if (!current) throw new Error('being written');
        return current;
      },
    });
    const tls = options.tls as { cert: string; minVersion: string };
    expect(tls.cert).toBe('c');
    expect(tls.minVersion).toBe('TLSv1.3');
    current = { ...identity, certificate: 'renewed' };
    expect(tls.cert).toBe('renewed');
    current = undefined;
    expect(tls.cert).toBe('renewed');
  });

  it('credentials files are read, and what is none is refused without being quoted', () => {
    const text =
      '-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n-----BEGIN USER NKEY SEED-----\nSU\n------END USER NKEY SEED------\n';
    expect(parseCredentials(text)).toEqual({ jwt: 'abc', seed: 'SU' });
    expect(() => parseCredentials('top secret')).toThrow('not a NATS credentials file');
  });
});
