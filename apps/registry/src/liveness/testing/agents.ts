import { randomUUID } from 'node:crypto';
import { agentSubject } from '@keyfleet/contracts/messages';
import type { NewEvent } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';

/** One simulated agent process: who it is, its boot and how far it counted. */
export interface TestAgent {
  readonly orgId: string;
  readonly agentId: string;
  bootId: string;
  counter: number;
  version: string;
}

export function newAgent(orgId: string): TestAgent {
  return { orgId, agentId: newId('agt'), bootId: randomUUID(), counter: 0, version: '1.0.0' };
}

/** What `append` takes to have it enrolled. */
export function enrolment(agent: TestAgent): [string, 'no-stream', NewEvent[]] {
  const event: NewEvent = {
    id: newId('evt'),
    type: 'AgentEnrolled',
    v: 1,
    data: {
      agentId: agent.agentId,
      name: 'site',
      nkey: `U${'A'.repeat(55)}`,
      labels: {},
      version: agent.version,
      tokenId: newId('etk'),
      serial: '1',
      certificateExpiresAt: '2026-01-02T00:00:00.000Z',
    },
    metadata: { orgId: agent.orgId, actor: agent.agentId, at: '2026-01-01T00:00:00.000Z' },
  };
  return [`agent-${agent.agentId}`, 'no-stream', [event]];
}

/** Its next beat, as it goes to the broker. */
export function beatsOf(agent: TestAgent): { readonly subject: string; readonly payload: string } {
  agent.counter += 1;
  return { subject: agentSubject(agent, 'hb'), payload: JSON.stringify(heartbeatOf(agent)) };
}

export function heartbeatOf(agent: TestAgent): Record<string, unknown> {
  return {
    v: 1,
    agentId: agent.agentId,
    bootId: agent.bootId,
    counter: agent.counter,
    at: '2026-01-01T00:00:00.000Z',
    agentVersion: agent.version,
    journal: { epoch: 1, seq: 3, acknowledged: 3 },
    policy: null,
    secrets: 2,
    storage: 'ok',
    seal: 'unsealed',
    latency: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  };
}
