import type { PolicyStatement } from '@keyfleet/contracts';
import fc from 'fast-check';
import { readAddress } from '../condition/network.js';
import { PolicySet } from '../decision/policy-set.js';
import type { AccessRequest } from '../request.js';
import { request, statements } from '../testing/arbitraries.js';
import { type RequestClass, readClass } from './recorded.js';
import { Replay, replay } from './replay.js';

const setOf = (...all: PolicyStatement[]) =>
  new PolicySet([{ policyId: 'pol_1', version: 1, statements: all }]);
const HASH = `h:${'a'.repeat(64)}`;

/** As an agent reports it: tags and reasons stay where they were, an address is cut. */
function classOf(asked: AccessRequest): RequestClass {
  return {
    ...{ secret: asked.path, action: asked.action, principal: asked.principal, groups: asked.groups },
    ...{ method: asked.method, secondFactor: asked.secondFactor, client: asked.client, minute: asked.at },
    network: networkOf(asked.address),
  };
}

function networkOf(address: string | null): string | null {
  const found = address === null ? undefined : readAddress(address);
  if (!found) return null;
  if (found.bits === 128) return `${(address ?? '').split(':').slice(0, 2).join(':')}::/48`;
  const text = (address ?? '').replace('::ffff:', '');
  return `${text.split('.').slice(0, 3).join('.')}.0/24`;
}

/** The one path-less action among those requests are made of that is of the vault, or else a path. */
const possible = request.filter(({ path, action }) => path !== null || action === 'list');

const allow: PolicyStatement = {
  ...{ id: 'allow', effect: 'allow', principals: ['app:*'], actions: ['read'], resources: ['team/**'] },
};
const row: RequestClass = {
  ...{ secret: 'team/a', action: 'read', principal: 'app:a', groups: [], network: '10.1.2.0/24' },
  ...{ method: 'api-key', secondFactor: false, client: null, minute: 0 },
};
const answer = (statement: Partial<PolicyStatement>, changed: Partial<RequestClass> = {}) =>
  new Replay(setOf({ ...allow, ...statement })).answer(readClass({ ...row, ...changed }));

describe('a replay', () => {
  it('says what was decided, or that the record cannot tell', () => {
    fc.assert(
      fc.property(statements, possible, (all, asked) => {
        const set = setOf(...all);
        const said = new Replay(set).answer(readClass(classOf(asked)));
        if (said !== 'not-decidable') expect(said).toBe(set.decide(asked).verdict);
      }),
      { numRuns: 5_000 },
    );
  });

  it('can always tell where nothing depends on what is not recorded', () => {
    const recorded = statements.map((all) => all.map((one) => ({ ...one, condition: undefined })));
    fc.assert(
      fc.property(recorded, possible, (all, asked) => {
        const set = setOf(...all);
        expect(new Replay(set).answer(readClass(classOf(asked)))).toBe(set.decide(asked).verdict);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['address.inNetwork("10.0.0.0/8")', {}, 'allowed'],
    ['address.inNetwork("10.1.2.128/25")', {}, 'not-decidable'],
    ['address.inNetwork("10.1.3.0/25")', {}, 'denied'],
    ['address.inNetwork("10.0.0.0/8")', { network: null }, 'denied'],
    ['address.inNetwork("2001:db8::/32")', {}, 'denied'],
    ['tags.env == "prod"', {}, 'not-decidable'],
    ['tags.env == "prod" && secondFactor', {}, 'denied'],
    ['reason != "" || !secondFactor', {}, 'allowed'],
    ['!("env" in tags && tags.env == "prod")', {}, 'not-decidable'],
    ['principal == "app:a"', { principal: HASH }, 'not-decidable'],
    ['secondFactor', { principal: HASH }, 'denied'],
  ])('%s of a record with %j is %s', (condition, changed, expected) => {
    expect(answer({ condition }, changed)).toBe(expected);
  });

  it('holds a path that was hashed, or counted together with others, for any path', () => {
    expect(answer({}, { secret: HASH })).toBe('not-decidable');
    expect(answer({}, { secret: null })).toBe('not-decidable');
    expect(answer({ resources: ['**'] }, { secret: HASH })).toBe('allowed');
    expect(answer({ resources: ['@vault'] }, { secret: HASH })).toBe('denied');
    expect(answer({ actions: ['list'] }, { secret: HASH })).toBe('denied');
    expect(answer({ actions: ['list'] }, { action: 'list', secret: null })).toBe('denied');
  });

  it.each<[Partial<PolicyStatement>, Partial<RequestClass>, string]>([
    [{}, { principal: HASH }, 'not-decidable'],
    [{ resources: ['other/**'] }, { principal: HASH }, 'denied'],
    [{ principals: ['*'] }, { principal: HASH }, 'allowed'],
    [{ principals: ['@ops'] }, { principal: HASH }, 'denied'],
    [{ principals: ['@ops'] }, { principal: HASH, groups: ['ops'] }, 'allowed'],
    [{ principals: ['@ops'] }, { groups: [HASH] }, 'not-decidable'],
    [{ principals: ['@h*'] }, { groups: [HASH] }, 'not-decidable'],
    [{ principals: ['@ops'] }, { groups: [HASH, 'ops'] }, 'allowed'],
    [{}, { groups: [HASH] }, 'allowed'],
    [{ condition: '"ops" in groups' }, { groups: [HASH, 'ops'] }, 'allowed'],
    [{ condition: '"ops" in groups' }, { groups: [HASH] }, 'not-decidable'],
  ])('%j of a record with %j, of whose names some are hashed, is %s', (statement, changed, expected) => {
    expect(answer(statement, changed)).toBe(expected);
  });

  it.each([
    ['time.timeOfDay("UTC") >= "12:05"', 1, 'denied'],
    ['time.timeOfDay("UTC") >= "12:05"', 15, 'not-decidable'],
    ['time.timeOfDay("UTC") >= "12:15"', 15, 'denied'],
    ['time.timeOfDay("UTC") < "12:15"', 15, 'allowed'],
    ['time < timestamp("2026-06-15T12:07:00Z")', 1, 'allowed'],
    ['time < timestamp("2026-06-15T12:07:00Z")', 15, 'not-decidable'],
    ['time < timestamp("2026-06-15T12:15:00Z")', 15, 'allowed'],
  ])('%s is of one of any of the minutes it was counted over (%j): %s', (condition, minutes, expected) => {
    const minute = Date.parse('2026-06-15T12:00:00Z');
    expect(answer({ condition }, { minute, minutes })).toBe(expected);
  });

  it('holds a request for one of any moment of its minute', () => {
    const minute = Date.parse('2026-06-15T12:00:00Z');
    const until = (moment: string): string =>
      answer({ condition: `time < timestamp("2026-06-15T${moment}Z")` }, { minute });
    expect(['12:00:00', '12:00:30', '12:00:59.999', '12:01:00'].map(until)).toEqual([
      ...['denied', 'not-decidable', 'not-decidable', 'allowed'],
    ]);
  });

  it('lists what flips, in the order of the rows', () => {
    const rows = ['team/a', 'other/b', 'team/c'].map((secret) => ({ ...row, secret, count: 7 }));
    const draft = setOf({ ...allow, resources: ['team/a', 'other/**'] });
    expect([...replay(rows, setOf(allow), draft)]).toEqual([
      { row: rows[1], before: 'denied', after: 'allowed' },
      { row: rows[2], before: 'allowed', after: 'denied' },
    ]);
    const doubtful = setOf({ ...allow, condition: 'tags.env == "prod"' });
    expect([...replay(rows, doubtful, doubtful)]).toEqual([]);
    expect([...replay(rows, doubtful, doubtful, { undecidedToo: true })]).toEqual(
      [rows[0], rows[2]].map((one) => ({ row: one, before: 'not-decidable', after: 'not-decidable' })),
    );
  });
});
