import { caller, VaultFixture } from '../vault/fixture.contract.js';
import { beginBypass, endBypass } from './bypass.js';
import { changeRecord, recordIn } from './memory.js';
import { MAX_BYPASS_MS, NO_POLICY } from './state.js';
import { bundleOf, PolicyAuthority, statement } from './testing/policies.js';

const MINUTE = 60_000;
const authority = new PolicyAuthority();
let fixture: VaultFixture;

beforeEach(async () => {
  fixture = await VaultFixture.open();
  await fixture.put('team/db', 'v');
  const { orgId, agentId } = fixture.identity;
  const bundle = bundleOf(orgId, statement({ actions: ['status'] }));
  const manifest = authority.manifest(fixture.identity, bundle);
  await keeper().apply(manifest, bundle.bytes, { orgId, agentId, commandKeys: [authority.key] });
});
afterEach(() => fixture.destroy());

const keeper = () => fixture.agent.parts.policies;
const told = () =>
  fixture.told().filter(([type]) => type === 'PolicyBypassed' || type === 'PolicyBypassEnded');
const read = (who = caller()) =>
  fixture.vault.value(who, 'team/db').then(
    () => 'allowed',
    (error: { code: string }) => error.code,
  );

/** As the command line does it, from another process. */
async function setAside(minutes: number): Promise<void> {
  const { storage } = fixture.agent.parts;
  const [newest] = await storage.audit({ limit: 1 });
  await changeRecord(recordIn(storage), (state) =>
    beginBypass(state, {
      ...{ now: fixture.clock.now(), forMs: minutes * MINUTE },
      ...{ reason: 'locked-out', auditSeq: newest?.seq ?? 0 },
    }),
  );
  await keeper().tick();
}

describe('a policy that is set aside', () => {
  it('decides again in the very moment the time is over, and how often it was missed is told', async () => {
    expect(await read()).toBe('auth.forbidden');
    await setAside(30);
    expect([await read(), await read()]).toEqual(['allowed', 'allowed']);
    fixture.clock.advance(30 * MINUTE - 1);
    expect(await read()).toBe('allowed');
    fixture.clock.advance(1);
    expect(await read()).toBe('auth.forbidden');
    await keeper().tick();
    await keeper().tick();
    expect(told().map(([type]) => type)).toEqual(['PolicyBypassed', 'PolicyBypassEnded']);
    expect(told()[1]?.[1]).toEqual({ by: 'expired', requests: 4 });
  });

  it('leaves what keys are granted as the limit, and usage under no policy', async () => {
    await setAside(30);
    expect(await read(caller({ grants: [] }))).toBe('auth.forbidden');
    expect(await read()).toBe('allowed');
    fixture.clock.advance(2 * MINUTE);
    await fixture.agent.reportUsage();
    const rows = fixture
      .told()
      .filter(([type]) => type === 'UsageReported')
      .flatMap(([, data]) => data['rows'] as { action: string; policyVersion: number | null }[]);
    expect(rows.filter(({ action }) => action === 'read').map(({ policyVersion }) => policyVersion)).toEqual([
      null,
      null,
    ]);
  });

  it('stays so over a restart, and over another policy that comes meanwhile', async () => {
    await setAside(30);
    await fixture.restart();
    const identity = { ...fixture.identity, commandKeys: [authority.key] };
    await keeper().open(identity);
    expect(await read()).toBe('allowed');
    const next = bundleOf(identity.orgId, statement({ actions: ['list'] }));
    const manifest = authority.manifest(identity, next, { version: 2 });
    expect(await keeper().apply(manifest, next.bytes, identity)).toBe(true);
    expect(await read()).toBe('allowed');
    fixture.clock.advance(31 * MINUTE);
    expect(await read()).toBe('auth.forbidden');
  });

  it('F11: that ended while the agent was down keeps no agent from starting on a disk that refuses', async () => {
    await setAside(30);
    fixture.clock.advance(45 * MINUTE);
    await fixture.restart();
    const { handle } = fixture.agent.database;
    handle.pragma('query_only = 1');
    await keeper().open({ ...fixture.identity, commandKeys: [authority.key] });
    expect(await read()).toBe('auth.forbidden');
    expect(told()).toHaveLength(1);
    handle.pragma('query_only = 0');
    await keeper().tick();
    expect(told().map(([type]) => type)).toEqual(['PolicyBypassed', 'PolicyBypassEnded']);
    await fixture.agent.parts.trail.recover();
  });

  it('that ended while the agent was down is told at its start', async () => {
    await setAside(30);
    fixture.clock.advance(45 * MINUTE);
    await fixture.restart();
    await keeper().open({ ...fixture.identity, commandKeys: [authority.key] });
    expect(await read()).toBe('auth.forbidden');
    expect(told().map(([type]) => type)).toEqual(['PolicyBypassed', 'PolicyBypassEnded']);
  });

  it('gets no longer by a clock that is set back', async () => {
    await setAside(30);
    fixture.clock.jumpTo(fixture.clock.now() - 24 * 60 * MINUTE);
    expect(await read()).toBe('auth.forbidden');
  });

  it('asked for again is so until the new time, with both ends of the first told', async () => {
    await setAside(30);
    fixture.clock.advance(10 * MINUTE);
    await setAside(60);
    fixture.clock.advance(59 * MINUTE);
    expect(await read()).toBe('allowed');
    expect(told().map(([type]) => type)).toEqual(['PolicyBypassed', 'PolicyBypassEnded', 'PolicyBypassed']);
  });

  it('is so for a day at most, whatever is asked or written', async () => {
    const ask = (forMs: number) => () =>
      beginBypass(NO_POLICY, { now: 0, forMs, reason: 'incident', auditSeq: 0 });
    for (const forMs of [MAX_BYPASS_MS + 1, 0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(ask(forMs)).toThrow(RangeError);
    await setAside(30);
    await changeRecord(recordIn(fixture.agent.parts.storage), (state) => ({
      state: { ...state, bypass: state.bypass && { ...state.bypass, until: '2036-01-01T00:00:00.000Z' } },
      events: [],
    }));
    await keeper().tick();
    fixture.clock.advance(MAX_BYPASS_MS - 1);
    expect(await read()).toBe('allowed');
    fixture.clock.advance(1);
    expect(await read()).toBe('auth.forbidden');
  });

  it('ends once: where nothing is set aside there is nothing to tell', () => {
    expect(endBypass(NO_POLICY, { now: 0, auditSeq: 0, by: 'requested' })).toEqual({
      state: NO_POLICY,
      events: [],
    });
  });
});
