import { rpcRenewReply } from '@keyfleet/contracts/http';
import { KeyfleetError } from '@keyfleet/kernel';
import { newId } from '@keyfleet/platform';
import { createStage, enrolRequest, metaOf, newAgent } from '../testing/stage.js';
import type { Renewal } from './renewal.js';
import { answerRenewal } from './renewal-answer.js';

const orgId = newId('org');
const agentId = newId('agt');
const caller = { orgId, agentId, kind: 'rpc.renew' as const };
const csr = '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n';
const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

function refusing(error: unknown): Pick<Renewal, 'renewConnected'> {
  return { renewConnected: () => Promise.reject(error) };
}

async function answer(data: unknown, renewal: Pick<Renewal, 'renewConnected'>) {
  const errors: unknown[] = [];
  const reply = await answerRenewal(renewal, { caller, data: encode(data) }, (error) => errors.push(error));
  return { reply: rpcRenewReply.parse(reply), errors };
}

describe('the answer to rpc.renew', () => {
  it('is an identity for an agent that is enrolled', async () => {
    const stage = await createStage();
    const agent = await newAgent();
    const { data } = await stage.tokens.issue({}, stage.member().meta());
    const identity = (await stage.enrolment.enrol(enrolRequest(agent, data.token), metaOf())).data;
    const known = { orgId: identity.orgId, agentId: identity.agentId, kind: 'rpc.renew' as const };
    const request = encode({ v: 1, agentId: identity.agentId, csr: agent.csr });
    const reply = await answerRenewal(stage.renewal, { caller: known, data: request }, () => {});
    expect(rpcRenewReply.parse(reply)).toMatchObject({ agentId: identity.agentId, epoch: 1 });
  });

  it.each([
    ['no JSON', '{'],
    ['another form', { v: 1 }],
    ['another agent than the subject names', { v: 1, agentId: newId('agt'), csr }],
    ['more than is asked for', { v: 1, agentId, csr, orgId: newId('org') }],
  ])('S2: refuses %s', async (_, data) => {
    const { reply } = await answer(data, refusing(new Error('was asked')));
    expect(reply).toEqual({ code: 'request.invalid' });
  });

  it.each(['agent.unknown', 'agent.revoked', 'enrolment.csr-invalid', 'store.unavailable'] as const)(
    'says %s',
    async (code) => {
      const { reply } = await answer({ v: 1, agentId, csr }, refusing(new KeyfleetError(code)));
      expect(reply).toEqual({ code });
    },
  );

  it('tells when to come again where that is all that is wrong', async () => {
    const busy = new KeyfleetError('enrolment.busy', { retryAfterMs: 1_234 });
    expect((await answer({ v: 1, agentId, csr }, refusing(busy))).reply).toEqual({ retryAfterMs: 1_234 });
    const raced = new KeyfleetError('revision.conflict');
    expect((await answer({ v: 1, agentId, csr }, refusing(raced))).reply).toEqual({ retryAfterMs: 5_000 });
    const broken = await answer({ v: 1, agentId, csr }, refusing(new TypeError('a bug')));
    expect(broken).toMatchObject({ reply: { retryAfterMs: 5_000 }, errors: [{ message: 'a bug' }] });
  });
});
