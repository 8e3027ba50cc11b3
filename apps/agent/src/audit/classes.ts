import type { Caller } from '../access/caller.js';
import { networkOf } from '../access/caller.js';
import type { UsageClass } from '../storage/port.js';
import type { Action, Outcome } from './entry.js';

/** Beyond so many classes in a minute new ones are counted without secret, network and client. */
const MAX_CLASSES = 5_000;

export interface Operation {
  readonly caller: Caller;
  readonly action: Action;
  readonly path: string | null;
  /** Of the policy that decided; not set where none was asked yet. */
  readonly policyVersion?: number | null;
}

/** The request classes of the current minute, each made once. */
export class RequestClasses {
  readonly #limit: number;
  #minute = '';
  readonly #known = new Map<string, UsageClass>();

  constructor(limit = MAX_CLASSES) {
    this.#limit = limit;
  }

  /** What strangers ask for is theirs to choose, so it is no part of their class. */
  of(operation: Operation, outcome: Outcome, minute: string): UsageClass {
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#known.clear();
    }
    const { caller, action } = operation;
    const known = caller.credential === 'known';
    const full: UsageClass = {
      secret: known ? operation.path : null,
      action,
      principal: caller.principal,
      groups: [...caller.groups],
      network: networkOf(caller.address),
      method: caller.method,
      secondFactor: false,
      client: caller.client,
      outcome,
      policyVersion: operation.policyVersion ?? null,
    };
    return (
      this.#once(full) ?? this.#once({ ...full, secret: null, network: null, client: null }, true) ?? full
    );
  }

  #once(wanted: UsageClass, always = false): UsageClass | undefined {
    const key = Object.values(wanted).join('\n');
    const found = this.#known.get(key);
    if (found) return found;
    if (!always && this.#known.size >= this.#limit) return undefined;
    this.#known.set(key, wanted);
    return wanted;
  }
}
