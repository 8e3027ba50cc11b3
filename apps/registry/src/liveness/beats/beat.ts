import { type Heartbeat, heartbeat } from '@keyfleet/contracts';
import type { AgentAddress } from '@keyfleet/contracts/messages';

/** A heartbeat with who sent it, as the broker vouches for, and when we received it (wall clock, milliseconds). */
export interface Beat extends Heartbeat {
  readonly orgId: string;
  readonly receivedAt: number;
}

/** Several times what a beat can have. */
const MAX_BYTES = 4_096;

/** `null` for what is not a heartbeat of this very agent. */
export function decodeBeat(data: Uint8Array, sender: AgentAddress, receivedAt: number): Beat | null {
  const parsed = heartbeat.safeParse(parseJson(data));
  if (!parsed.success || parsed.data.agentId !== sender.agentId) return null;
  // Assigned, not spread: it runs ten thousands of times a second.
  return Object.assign(parsed.data, {
    bootId: parsed.data.bootId.toLowerCase(),
    orgId: sender.orgId,
    receivedAt,
  });
}

function parseJson(data: Uint8Array): unknown {
  if (data.byteLength > MAX_BYTES) return undefined;
  try {
    return JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}
