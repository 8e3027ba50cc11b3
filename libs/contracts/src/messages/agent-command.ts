import { z } from 'zod';
import { nkeySignature } from '../journal.js';
import { id, nkeyPublic, timestamp } from '../names.js';

/** A command lives so long; an agent refuses it afterwards. */
export const COMMAND_TTL_MS = 60_000;

export const AGENT_VERBS = ['rotate', 'lock', 'check-now', 'policy-changed'] as const;

/** Told to an agent on its `cmd` subject; executed once per id, only when signed by a pinned key. */
export const agentCommand = z.strictObject({
  v: z.literal(1),
  id: id('cmd'),
  agentId: id('agt'),
  verb: z.enum(AGENT_VERBS),
  args: z.strictObject({ path: z.string().max(256).optional() }),
  issuedAt: timestamp,
  expiresAt: timestamp,
  /** Which pinned key signed. */
  key: nkeyPublic,
  signature: nkeySignature,
});
export type AgentCommand = z.infer<typeof agentCommand>;

export function commandSigningInput(command: Omit<AgentCommand, 'signature'>): string {
  return `keyfleet.command.v1\n${command.id}\n${command.agentId}\n${command.verb}\n${command.args.path ?? ''}\n${command.issuedAt}\n${command.expiresAt}`;
}
