import { GENESIS_HASH } from '@keyfleet/contracts';
import { type AgentCommand, commandSigningInput } from '@keyfleet/contracts/messages';
import { newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';
import { TestClock } from '@keyfleet/testing';
import { IdentityStore } from '../identity/store.js';
import { type TestHost, testHost } from '../testing/host.js';
import { Commands } from './commands.js';
import { ExecutedCommands } from './executed.js';

const signer = nkeySigner(newNkeySeed());
const next = nkeySigner(newNkeySeed());
const agentId = newId('agt');

let clock: TestClock;
let host: TestHost;
let beats: number;
let fetches: number;
let commands: Commands;

function start(): void {
  const store = new IdentityStore(host.directory);
  const at = new Date(clock.now()).toISOString();
  store.save({
    ...{ agentId, orgId: newId('org'), certificate: '', jwt: '', expiresAt: at, brokerUrls: ['tls://x'] },
    ...{ trustBundle: ['x'], commandKeys: [signer.nkey, next.nkey], epoch: 1, prev: GENESIS_HASH },
    ...{
      reconnectWindowMs: 0,
      privateKey: '',
      controlPlaneUrl: 'https://x',
      gatewayCa: null,
      tokenHash: GENESIS_HASH,
      revokedAt: null,
      obtainedAt: at,
    },
  });
  commands = new Commands({
    ...{ store, clock, logger: host.logger, handlers: host.commands },
    executed: new ExecutedCommands(host.directory),
    beatNow: () => {
      beats += 1;
    },
    fetchPolicy: () => {
      fetches += 1;
    },
  });
}

beforeEach(() => {
  clock = new TestClock();
  host = testHost({}, clock);
  beats = 0;
  fetches = 0;
  start();
});

interface Changes extends Partial<AgentCommand> {
  readonly by?: typeof signer;
  /** Changed after it was signed. */
  readonly after?: object;
}

function command({ by = signer, after, ...changes }: Changes = {}): Uint8Array {
  const unsigned = {
    ...{ v: 1 as const, id: newId('cmd'), agentId, verb: 'check-now' as const, args: {}, key: by.nkey },
    issuedAt: new Date(clock.now()).toISOString(),
    expiresAt: new Date(clock.now() + 60_000).toISOString(),
    ...changes,
  };
  const signature = by.sign(commandSigningInput(unsigned));
  return Buffer.from(JSON.stringify({ ...unsigned, signature, ...after }));
}

describe('a command', () => {
  it('is executed when a pinned key signed it for this agent, and answered with a beat', async () => {
    expect(await commands.handle(command())).toBeUndefined();
    expect(
      await commands.handle(command({ by: next, verb: 'rotate', args: { path: 'a/b' } })),
    ).toBeUndefined();
    expect(await commands.handle(command({ verb: 'lock' }))).toBeUndefined();
    expect(host).toMatchObject({ rotated: ['a/b'], locked: 1 });
    expect(await commands.handle(command({ verb: 'policy-changed' }))).toBeUndefined();
    expect([beats, fetches]).toEqual([4, 1]);
  });

  it.each<[string, Changes, string]>([
    ['for another agent', { agentId: newId('agt') }, 'foreign'],
    ['signed by a key that is not pinned', { by: nkeySigner(newNkeySeed()) }, 'unknown-key'],
    [
      'that names a pinned key and was signed by another',
      { by: { ...next, nkey: signer.nkey } },
      'signature',
    ],
    ['changed on its way', { after: { verb: 'lock' } }, 'signature'],
    [
      'with another path than the signed one',
      { verb: 'rotate', after: { args: { path: 'x' } } },
      'signature',
    ],
    ['past its time', { expiresAt: '2025-12-31T23:59:59.000Z' }, 'expired'],
    ['good for longer than a minute', { expiresAt: '2026-01-01T00:01:00.001Z' }, 'expired'],
    ['from the future', { issuedAt: '2026-01-01T01:00:00Z', expiresAt: '2026-01-01T01:01:00Z' }, 'expired'],
    ['with an unknown verb', { after: { verb: 'reveal' } }, 'malformed'],
    ['with an unknown field', { after: { hello: 1 } }, 'malformed'],
  ])('S2: %s is refused and changes nothing', async (_name, changes, refusal) => {
    expect(await commands.handle(command(changes))).toBe(refusal);
    expect(host).toMatchObject({ rotated: [], locked: 0 });
    expect(beats).toBe(0);
  });

  it('that is no JSON, or much too long, is refused', async () => {
    expect(await commands.handle(Buffer.from('{'))).toBe('malformed');
    expect(await commands.handle(Buffer.alloc(100_000, 0x20))).toBe('malformed');
  });

  it('is executed once, also after a restart and beside hundreds of others', async () => {
    const once = command({ verb: 'lock' });
    expect(await commands.handle(once)).toBeUndefined();
    for (let n = 0; n < 300; n += 1) await commands.handle(command());
    expect(await commands.handle(once)).toBe('repeated');
    start();
    expect(await commands.handle(once)).toBe('repeated');
    expect(host.locked).toBe(1);
  });

  it('that was begun before a crash is not begun again', async () => {
    const crash = command({ verb: 'rotate', args: { path: 'a' } });
    host.commands.rotate = () => Promise.reject(new Error('killed'));
    expect(await commands.handle(crash)).toBeUndefined();
    start();
    expect(await commands.handle(crash)).toBe('repeated');
  });
});
