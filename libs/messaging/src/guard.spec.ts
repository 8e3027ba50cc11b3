import { agentInbox, agentSubject, RPC_VERBS } from '@keyfleet/contracts/messages';
import { newId } from '@keyfleet/platform';
import fc from 'fast-check';
import { admit } from './guard.js';

const me = { orgId: newId('org'), agentId: newId('agt') };
const other = newId('agt');
const inbox = agentInbox(me.agentId);
const KINDS = ['ev', ...RPC_VERBS.map((verb) => `rpc.${verb}` as const)] as const;

const token = fc.stringMatching(/^[A-Za-z0-9]{1,30}$/);
const piece = fc.oneof(
  token,
  fc.constantFrom('*', '>', '', ' ', 'kf', 'v1', 'svc', '_INBOX', 'hb', 'ev', 'cmd', 'rpc', 'sync', '$SYS'),
  fc.constantFrom(
    me.orgId,
    me.agentId,
    other,
    me.agentId.toUpperCase(),
    `${me.agentId}0`,
    'gateway',
    'registry',
  ),
);
const subject = fc.array(piece, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('.'));

describe('the guard of responders', () => {
  it('S2: an agent is answered in its own inbox', () => {
    for (const kind of KINDS)
      expect(admit(agentSubject(me, kind), `${inbox}.abc`)).toEqual({
        kind: 'agent',
        caller: { ...me, kind },
      });
    expect(admit(agentSubject(me, 'hb'), undefined).kind).toBe('agent');
  });

  it('S2: wherever else an agent wants its answer, it gets none', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS, 'hb' as const), fc.oneof(subject, fc.string()), (kind, reply) => {
        fc.pre(reply !== '');
        const allowed = new RegExp(`^${inbox.replace('.', '\\.')}(\\.[A-Za-z0-9]+){1,3}$`).test(reply);
        expect(admit(agentSubject(me, kind), reply).kind).toBe(allowed ? 'agent' : 'drop');
      }),
      { numRuns: 10_000 },
    );
  });

  it('S2: only a subject of the exact form speaks for an agent', () => {
    fc.assert(
      fc.property(fc.oneof(subject, fc.string()), (text) => {
        const admission = admit(text, `${inbox}.abc`);
        if (admission.kind !== 'agent') return;
        expect(agentSubject(admission.caller, admission.caller.kind)).toBe(text);
        expect(admission.caller.agentId).toBe(me.agentId);
      }),
      { numRuns: 10_000 },
    );
    expect(admit(agentSubject(me, 'cmd'), `${inbox}.abc`)).toEqual({ kind: 'drop', reason: 'subject' });
    expect(admit(`${agentSubject(me, 'ev')}.more`, `${inbox}.abc`).kind).toBe('drop');
  });

  it('S2: a command is answered in the inbox of a service that may ask it, and in no other', () => {
    expect(admit('kf.svc.registry.enrol', '_INBOX.svc.gateway.abc')).toEqual({
      kind: 'command',
      context: 'registry',
    });
    expect(admit('kf.svc.authority.sign', '_INBOX.svc.policy.abc').kind).toBe('command');
    for (const reply of [
      '_INBOX.svc.notify.abc',
      '_INBOX.svc.registry.abc',
      '_INBOX.svc.nobody.abc',
      '_INBOX.svc.gateway',
      '_INBOX.svc.gateway.',
      '_INBOX.svc.gateway.*',
      '_INBOX.svc.gateway.>',
      '_INBOX.svc.gatewayx.abc',
      '_INBOX.svc.gateway..abc',
      `${inbox}.abc`,
      agentSubject(me, 'cmd'),
      'kf.svc.registry.revoke-agent',
    ])
      expect(admit('kf.svc.registry.enrol', reply)).toEqual({ kind: 'drop', reason: 'reply-foreign' });
    expect(admit('kf.svc.authority.sign', '_INBOX.svc.gateway.abc').kind).toBe('drop');
  });

  it('S2: a request without a place for the answer, or on a subject nobody owns, is dropped', () => {
    expect(admit(agentSubject(me, 'ev'), undefined)).toEqual({ kind: 'drop', reason: 'reply-missing' });
    expect(admit('kf.svc.registry.enrol', undefined)).toEqual({ kind: 'drop', reason: 'reply-missing' });
    for (const text of [
      '',
      'kf.svc.nobody.do',
      'kf.svc.registry.>',
      'kf.svc.registry',
      'kf.svc.registry.a.b',
    ])
      expect(admit(text, '_INBOX.svc.gateway.abc')).toEqual({ kind: 'drop', reason: 'subject' });
  });
});
