import { type Heartbeat, heartbeat } from '@keyfleet/contracts';
import type { AgentAddress } from '@keyfleet/contracts/messages';

/** What is kept of a heartbeat: flat, because tens of thousands wait for each flush. */
export interface Beat {
  readonly agentId: string;
  /** As the broker vouches for. */
  readonly orgId: string;
  /** Our wall clock, milliseconds. */
  readonly receivedAt: number;
  readonly bootId: string;
  readonly counter: number;
  readonly version: string;
  readonly epoch: number;
  readonly seq: number;
  readonly acknowledged: number;
  readonly policyVersion: number | null;
  readonly policyHash: string | null;
  readonly secrets: number;
  readonly storage: Heartbeat['storage'];
  readonly seal: Heartbeat['seal'];
}

/** Several times what a beat can have. */
const MAX_BYTES = 4_096;

/** `null` for what is not a heartbeat of this very agent. */
export function decodeBeat(data: Uint8Array, sender: AgentAddress, receivedAt: number): Beat | null {
  const parsed = heartbeat.safeParse(parseJson(data));
  if (!parsed.success || parsed.data.agentId !== sender.agentId) return null;
  const { bootId, counter, agentVersion, journal, policy, secrets, storage, seal } = parsed.data;
  return {
    agentId: sender.agentId,
    orgId: sender.orgId,
    receivedAt,
    bootId: bootId.toLowerCase(),
    counter,
    version: agentVersion,
    epoch: journal.epoch,
    seq: journal.seq,
    acknowledged: journal.acknowledged,
    policyVersion: policy?.version ?? null,
    policyHash: policy?.hash ?? null,
    secrets,
    storage,
    seal,
  };
}

function parseJson(data: Uint8Array): unknown {
  if (data.byteLength > MAX_BYTES) return undefined;
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}
