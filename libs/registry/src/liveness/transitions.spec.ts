import { judgeSilence } from './silence.js';
import { offlineAfterSeconds } from './thresholds.js';
import { type Due, dueFacts, stateAfter } from './transitions.js';

const agentId = 'agt_01932b1e-7c3a-7abc-8def-0123456789ab';
const at = '2026-01-01T00:01:30.000Z';
const silence = { lastSeenAt: '2026-01-01T00:00:00.000Z', coveredMs: 93_040 };

function due(changes: Partial<Due>): Due {
  return { agentId, state: 'online', returnedAt: null, silence: null, known: true, ...changes };
}

describe('facts an agent’s stream still lacks', () => {
  it('are none while it beats, while it is silent and recorded so, and after it was revoked', () => {
    expect(dueFacts(due({}))).toEqual([]);
    expect(dueFacts(due({ state: 'offline', silence }))).toEqual([]);
    expect(dueFacts(due({ state: 'revoked', returnedAt: at }))).toEqual([]);
  });

  it('are its silence, as it was when found', () => {
    expect(dueFacts(due({ state: 'leaving', silence }))).toEqual([
      {
        type: 'AgentWentOffline',
        v: 1,
        data: { agentId, lastSeenAt: silence.lastSeenAt, coveredSeconds: 93 },
      },
    ]);
  });

  it('are both where it came back before the silence was recorded', () => {
    expect(dueFacts(due({ state: 'leaving', silence, returnedAt: at })).map(({ type }) => type)).toEqual([
      'AgentWentOffline',
      'AgentCameOnline',
    ]);
  });

  it('are its first beat, once', () => {
    const first = (changes: Partial<Due>) =>
      dueFacts(due({ returnedAt: at, known: false, ...changes }))[0]?.data;
    expect(first({ state: 'new' })).toEqual({ agentId, seenAt: at, first: true });
    expect(first({ state: 'offline' })).toEqual({ agentId, seenAt: at, first: true });
    expect(first({ state: 'offline', known: true })).toEqual({ agentId, seenAt: at, first: false });
  });

  it('can be told from the stream again when the row was lost', () => {
    const online = { type: 'AgentCameOnline' };
    const offline = { type: 'AgentWentOffline' };
    expect(stateAfter([])).toEqual({ state: 'new', known: false });
    expect(stateAfter([offline])).toEqual({ state: 'offline', known: false });
    expect(stateAfter([online, offline])).toEqual({ state: 'offline', known: true });
    expect(stateAfter([offline, online])).toEqual({ state: 'online', known: true });
  });
});

describe('how long an agent may be silent', () => {
  it('is the strictest setting of its groups, 90 s by default, and never less than one beat in time', () => {
    expect(offlineAfterSeconds([])).toBe(90);
    expect(offlineAfterSeconds([null, null])).toBe(90);
    expect(offlineAfterSeconds([null, 240])).toBe(240);
    expect(offlineAfterSeconds([240, 60, 120])).toBe(60);
    expect(offlineAfterSeconds([30])).toBe(35);
  });
});

describe('the silence of a fleet', () => {
  it('F3: takes 30 % and five agents of an organisation within one window', () => {
    expect(judgeSilence(false, { recent: 5, silent: 5, total: 16 })).toBe(true);
    expect(judgeSilence(false, { recent: 5, silent: 5, total: 17 })).toBe(false);
    expect(judgeSilence(false, { recent: 4, silent: 4, total: 4 })).toBe(false);
    expect(judgeSilence(false, { recent: 300, silent: 300, total: 1_000 })).toBe(true);
  });

  it('F3: lasts until less than half of that is left', () => {
    expect(judgeSilence(true, { recent: 0, silent: 4, total: 16 })).toBe(true);
    expect(judgeSilence(true, { recent: 0, silent: 2, total: 10 })).toBe(false);
    expect(judgeSilence(true, { recent: 0, silent: 149, total: 1_000 })).toBe(false);
    expect(judgeSilence(true, { recent: 0, silent: 150, total: 1_000 })).toBe(true);
  });
});
