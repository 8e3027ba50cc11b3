import {
  type AgentAddress,
  type AgentSubjectKind,
  agentInbox,
  parseAgentSubject,
  serviceInbox,
} from '@keyfleet/contracts/messages';
import { callersOf } from './broker/services.js';

export const DROP_REASONS = [
  /** Not a subject of ours, or ids that are none. */
  'subject',
  /** A request without a place for the answer. */
  'reply-missing',
  /** The answer would have gone to somebody else. */
  'reply-foreign',
  /** Not the encoding this subject carries. */
  'malformed',
] as const;
/** Why a message was not even looked at. */
export type DropReason = (typeof DROP_REASONS)[number];

export interface Drop {
  readonly reason: DropReason;
  /** The subscribed pattern, not the subject: safe as a metric label. */
  readonly channel: string;
}

export interface OnDropped {
  (drop: Drop): void;
  /** Called before a channel is listened to: what is counted of it, by what it may be dropped for, begins at nothing. */
  readonly listening?: (channel: string, reasons: readonly DropReason[]) => void;
}

export type AgentCaller = AgentAddress & { readonly kind: AgentSubjectKind };

export type Admission =
  | { readonly kind: 'agent'; readonly caller: AgentCaller }
  | { readonly kind: 'command'; readonly context: string }
  | { readonly kind: 'drop'; readonly reason: DropReason };

const COMMAND = /^kf\.svc\.([a-z][a-z-]{0,30})\.[a-z][a-z0-9-]{0,60}$/;
/** What clients append to their inbox prefix: a random token, or one and a request's own. */
const REST_OF_INBOX = /^[A-Za-z0-9]{1,64}(\.[A-Za-z0-9]{1,64}){0,2}$/;

const drop = (reason: DropReason): Admission => ({ kind: 'drop', reason });

/** Whether `reply` is one literal inbox under `prefix`. */
function isInboxUnder(prefix: string, reply: string): boolean {
  return reply.startsWith(`${prefix}.`) && REST_OF_INBOX.test(reply.slice(prefix.length + 1));
}

/**
 * Judges a message by its subject and reply subject alone. The subject is true, because the broker bounds publishers
 * to their own; the reply subject is whatever the sender wrote, and answering it blindly would lend our permissions to
 * him. So a command is answered only in the inbox of a service that may ask it, an agent only in its own.
 */
export function admit(subject: string, reply: string | undefined): Admission {
  const command = COMMAND.exec(subject);
  if (command?.[1]) return admitCommand(command[1], reply);
  const caller = parseAgentSubject(subject);
  // Nobody of ours listens to commands meant for agents.
  if (!caller || caller.kind === 'cmd') return drop('subject');
  if (!reply) return caller.kind === 'hb' ? { kind: 'agent', caller } : drop('reply-missing');
  return isInboxUnder(agentInbox(caller.agentId), reply) ? { kind: 'agent', caller } : drop('reply-foreign');
}

function admitCommand(context: string, reply: string | undefined): Admission {
  const callers = callersOf(context);
  if (callers.length === 0) return drop('subject');
  if (!reply) return drop('reply-missing');
  const known = callers.some((caller) => isInboxUnder(serviceInbox(caller), reply));
  return known ? { kind: 'command', context } : drop('reply-foreign');
}
