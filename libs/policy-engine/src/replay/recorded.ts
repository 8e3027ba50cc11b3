import { KEYED_HASH } from '@keyfleet/contracts';
import { type Network, readNetwork } from '../condition/network.js';
import type { AccessRequest, Unknown } from '../request.js';

/** A request class as agents report it (`UsageReported`), with the minute it was of. */
export interface RequestClass {
  readonly secret: string | null;
  readonly action: AccessRequest['action'];
  readonly principal: string;
  readonly groups: readonly string[];
  readonly network: string | null;
  readonly method: string;
  readonly secondFactor: boolean;
  readonly client: string | null;
  /** Milliseconds since 1970. */
  readonly minute: number;
  /** How many minutes from there on it was counted over; one by default. */
  readonly minutes?: number;
}

/** A class read as a request, with what of it is not known. */
export interface RecordedRequest {
  readonly request: AccessRequest;
  readonly network: Network | null;
  /** How long after `request.at` it may have been made, in minutes. */
  readonly minutes: number;
  readonly unknown: ReadonlySet<Unknown>;
}

/** Actions on the vault as a whole; every other one is on a path. */
const WITHOUT_PATH: readonly string[] = ['list', 'audit', 'status', 'keys', 'backup'];

/**
 * Tags and reasons are never recorded. Names may have been sent as keyed hashes, and a busy agent counts classes beyond
 * its limit without secret, network and client: then these are not known either.
 */
export function readClass(recorded: RequestClass): RecordedRequest {
  const unknown = new Set<Unknown>(['tags', 'reason']);
  const { secret, action, principal, groups, client } = recorded;
  if (secret === null && !WITHOUT_PATH.includes(action)) for (const part of FOLDED) unknown.add(part);
  if (secret !== null && KEYED_HASH.test(secret)) unknown.add('path');
  if (KEYED_HASH.test(principal)) unknown.add('principal');
  if (client !== null && KEYED_HASH.test(client)) unknown.add('client');
  if (groups.some((group) => KEYED_HASH.test(group))) unknown.add('groups');
  return {
    request: {
      ...{ principal, groups, action, path: secret, client },
      ...{ method: recorded.method, secondFactor: recorded.secondFactor, at: recorded.minute },
      ...{ reason: null, address: null, tags: {} },
    },
    minutes: recorded.minutes ?? 1,
    network: networkOf(recorded.network),
    unknown,
  };
}

function networkOf(text: string | null): Network | null {
  return text === null ? null : (readNetwork(text) ?? null);
}

const FOLDED: readonly Unknown[] = ['path', 'address', 'client'];
