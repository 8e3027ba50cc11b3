import { type rpcRenewReply, rpcRenewRequest } from '@keyfleet/contracts/http';
import { type ErrorCode, isKeyfleetError } from '@keyfleet/kernel';
import type { AgentCaller } from '@keyfleet/messaging';
import { newId } from '@keyfleet/platform';
import type { z } from 'zod';
import type { Renewal } from './renewal.js';

export type RenewReply = z.input<typeof rpcRenewReply>;

type Code = Extract<RenewReply, { code: unknown }>['code'];

/** What an agent is told as it is; it comes again by itself after everything else. */
const TOLD: ReadonlySet<ErrorCode> = new Set<Code>([
  'agent.unknown',
  'agent.revoked',
  'enrolment.csr-invalid',
  'request.invalid',
  'store.unavailable',
]);
const AGAIN_MS = 5_000;

/** Answers `rpc.renew`: never throws, whatever the agent sent. */
export async function answerRenewal(
  renewal: Pick<Renewal, 'renewConnected'>,
  { caller, data }: { readonly caller: AgentCaller; readonly data: Uint8Array },
  onError: (error: unknown) => void,
): Promise<RenewReply> {
  const request = rpcRenewRequest.safeParse(readJson(data));
  if (!request.success || request.data.agentId !== caller.agentId) return { code: 'request.invalid' };
  const meta = { commandId: newId('cmd'), actor: caller.agentId, orgId: null, correlationId: newId('cmd') };
  try {
    return (await renewal.renewConnected(request.data, caller.orgId, meta)).data;
  } catch (error) {
    if (!isKeyfleetError(error)) onError(error);
    else if (TOLD.has(error.code)) return { code: error.code as Code };
    const retryAfterMs = isKeyfleetError(error) ? error.details.retryAfterMs : undefined;
    return { retryAfterMs: retryAfterMs ?? AGAIN_MS };
  }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}
