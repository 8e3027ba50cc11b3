import { type Caller, networkOf } from '../access/caller.js';
import type { UsageClass } from '../storage/port.js';
import type { Action, Outcome } from './entry.js';
import { isStranger } from './strangers.js';

/** Beyond so many classes in a minute new ones are counted without secret, network and client. */
const MAX_CLASSES = 5_000;
const MAX_OF_STRANGERS = 200;

export interface Operation {
  readonly caller: Caller;
  readonly action: Action;
  readonly path: string | null;
  /** Of the policy that decided; not set where none was asked yet. */
  readonly policyVersion?: number | null;
}

/** The request classes of the current minute, each made once; strangers take none of the room of those with a key. */
export class RequestClasses {
  readonly #known = new Classes(MAX_CLASSES);
  readonly #strangers = new Classes(MAX_OF_STRANGERS);

  /** What strangers ask for, and what they call themselves, is theirs to choose, so it is no part of their class. */
  of(operation: Operation, outcome: Outcome, minute: string): UsageClass {
    const { caller, action } = operation;
    const stranger = isStranger(caller);
    const full: UsageClass = {
      secret: stranger ? null : operation.path,
      action,
      principal: caller.principal,
      groups: [...caller.groups],
      network: networkOf(caller.address),
      method: caller.method,
      secondFactor: false,
      client: stranger ? null : caller.client,
      outcome,
      policyVersion: operation.policyVersion ?? null,
    };
    return (stranger ? this.#strangers : this.#known).once(full, minute);
  }
}

/** So many classes in full, the rest in short. */
class Classes {
  readonly #limit: number;
  readonly #made = new Map<string, UsageClass>();
  #minute = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  once(full: UsageClass, minute: string): UsageClass {
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#made.clear();
    }
    const short = () => ({ ...full, secret: null, network: null, client: null });
    return this.#found(full) ?? this.#make(this.#made.size < this.#limit ? full : short());
  }

  #found(wanted: UsageClass): UsageClass | undefined {
    return this.#made.get(keyOf(wanted));
  }

  #make(wanted: UsageClass): UsageClass {
    const found = this.#found(wanted);
    if (!found) this.#made.set(keyOf(wanted), wanted);
    return found ?? wanted;
  }
}

function keyOf(of: UsageClass): string {
  return Object.values(of).join('\n');
}
