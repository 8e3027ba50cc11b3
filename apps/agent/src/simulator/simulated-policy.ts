import type { PolicyManifest } from '@keyfleet/contracts';
import type { Clock } from '@keyfleet/kernel';
import type { AccessRequest } from '@keyfleet/policy-engine';
import type { SimulatedAgent as Report, SimulatedRequest } from '@keyfleet/testing';
import { IdentityStore } from '../link/identity/store.js';
import { type Compile, type CompiledBundle, compileBundle } from '../policy/judge.js';
import { PolicyKeeper } from '../policy/keeper.js';
import type { DecideRequest } from './entries.js';
import type { MemoryPolicies } from './memory-policies.js';

/** Thousands of agents share few bundles; more than so many at once are made anew. */
const SHARED = 64;
/** So many of the policies it had are told. */
const TOLD = 20;

interface Shared {
  bytes?: Uint8Array;
  compiled?: CompiledBundle;
}
const shared = new Map<string, Shared>();

function sharedOf(name: string): Shared {
  const known = shared.get(name) ?? {};
  // The one used last stands last, so that the first is the one to go.
  shared.delete(name);
  shared.set(name, known);
  const [oldest] = shared.keys();
  if (shared.size > SHARED && oldest !== undefined) shared.delete(oldest);
  return known;
}

/** The bytes of a bundle, once for all who have it. */
export function sharedBytes(hash: string, bytes: Uint8Array): Uint8Array {
  const known = sharedOf(hash);
  return (known.bytes ??= bytes);
}

/** Compiles once for all of an organisation: the bytes were found to be those of this hash. */
export const compileShared: Compile = (bytes, manifest) => {
  const known = sharedOf(`${manifest.orgId} ${manifest.hash}`);
  if (known.compiled === undefined) known.compiled = compileBundle(bytes, manifest);
  return known.compiled;
};

export interface SimulatedPolicyOptions {
  readonly memory: MemoryPolicies;
  readonly clock: Pick<Clock, 'now'>;
  readonly agentId: () => string | null;
}

/** The policy of a simulated agent: judged, kept and decided by as a real one's, without a vault behind it. */
export class SimulatedPolicy {
  /** Every bundle is invalid to it, or the one of this hash. */
  refuses: boolean | { readonly hash: string } = false;
  question: SimulatedRequest | undefined;
  readonly #options: SimulatedPolicyOptions;
  readonly #refusals = { count: 0, last: null as string | null };
  #keeper: PolicyKeeper;
  #appliedAt: number | null = null;
  #applied: Report['policiesApplied'] = [];

  constructor(options: SimulatedPolicyOptions) {
    this.#options = options;
    this.#keeper = this.#newKeeper();
  }

  get keeper(): PolicyKeeper {
    return this.#keeper;
  }

  /** The process begins, with what is on its disk. */
  async start(directory: string): Promise<void> {
    this.#appliedAt = null;
    this.#keeper = this.#newKeeper();
    await this.#keeper.open(new IdentityStore(directory).current);
  }

  readonly decide: DecideRequest = (request, at) => {
    const policy = this.#keeper.current();
    if (!policy) return { outcome: 'allowed', policyVersion: null };
    const { secret: path, network, ...rest } = request;
    const address = network.replace('0/24', '1');
    const access = { ...rest, path, address, reason: null, tags: {}, at: Date.parse(at) };
    return { outcome: policy.decide(access).verdict, policyVersion: policy.version };
  };

  report(): Pick<Report, 'policy' | 'policiesApplied' | 'policyRefusals' | 'verdict'> {
    const inForce = this.#keeper.inForce();
    return {
      policy: inForce && { ...inForce, appliedAt: this.#appliedAt },
      policiesApplied: this.#applied,
      policyRefusals: { ...this.#refusals },
      verdict: this.#answer(),
    };
  }

  #answer(): Report['verdict'] {
    if (!this.question) return null;
    const { principal, groups = [], path } = this.question;
    const policy = this.#keeper.current();
    if (!policy) return 'allowed';
    const action = this.question.action as AccessRequest['action'];
    const { verdict } = policy.decide({
      ...{ principal, groups, action, path, method: 'api-key', secondFactor: false },
      ...{ client: null, reason: null, address: null, tags: {}, at: this.#options.clock.now() },
    });
    return verdict;
  }

  #newKeeper(): PolicyKeeper {
    const keeper = new PolicyKeeper({
      ...this.#options,
      compile: (bytes: Uint8Array, manifest: PolicyManifest) => {
        if (this.#isRefused(manifest)) throw new Error('told to refuse');
        return compileShared(bytes, manifest);
      },
      logger: {
        info: () => {},
        warn: (fields) => this.#count(fields),
        error: (fields) => this.#count(fields),
      },
    });
    keeper.onChange(() => {
      const inForce = keeper.inForce();
      if (!inForce) return;
      this.#appliedAt = Date.now();
      this.#applied = [...this.#applied, inForce].slice(-TOLD);
    });
    return keeper;
  }

  #isRefused({ hash }: PolicyManifest): boolean {
    return typeof this.refuses === 'boolean' ? this.refuses : this.refuses.hash === hash;
  }

  #count(fields: object): void {
    if (!('code' in fields)) return;
    this.#refusals.count += 1;
    this.#refusals.last = String(fields.code);
  }
}
