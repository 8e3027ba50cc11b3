import { hash } from 'node:crypto';
import {
  manifestSigningInput,
  type PolicyBundle,
  type PolicyManifest,
  type PolicyStatement,
} from '@keyfleet/contracts';
import { canonicalJson, type NkeySigner, newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import { newId } from '@keyfleet/platform';

/** A bundle as the control plane makes it, under the name it has. */
export interface NamedBundle {
  readonly hash: string;
  readonly bytes: Buffer;
}

export function named(bytes: Buffer): NamedBundle {
  return { hash: hash('sha256', bytes), bytes };
}

/** Everybody may read everything, unless said otherwise. */
export function statement(over: Partial<PolicyStatement> = {}): PolicyStatement {
  return { id: 'all', effect: 'allow', principals: ['*'], actions: ['read'], resources: ['**'], ...over };
}

/** A bundle of one policy; without statements the empty one. */
export function bundleOf(orgId: string, ...statements: PolicyStatement[]): NamedBundle {
  const policies = statements.length === 0 ? [] : [{ policyId: newId('pol'), version: 1, statements }];
  const bundle: PolicyBundle = { v: 1, orgId, policies };
  return named(Buffer.from(canonicalJson(bundle)));
}

export interface Signed extends Partial<Omit<PolicyManifest, 'signature'>> {
  /** Changed after it was signed. */
  readonly after?: Partial<PolicyManifest>;
  /** Signs in the place of the authority, whose name stays on it. */
  readonly forger?: NkeySigner;
}

/** The command key of a control plane, with what it signs for one agent. */
export class PolicyAuthority {
  readonly #signer: NkeySigner;

  constructor(signer = nkeySigner(newNkeySeed())) {
    this.#signer = signer;
  }

  get key(): string {
    return this.#signer.nkey;
  }

  manifest(
    whose: Pick<PolicyManifest, 'orgId' | 'agentId'>,
    bundle: NamedBundle,
    { after, forger = this.#signer, ...over }: Signed = {},
  ): PolicyManifest {
    const { orgId, agentId } = whose;
    const unsigned = {
      ...{ v: 1 as const, orgId, agentId, version: 1, hash: bundle.hash, bytes: bundle.bytes.length },
      ...{ issuedAt: '2026-01-01T00:00:00.000Z', key: this.#signer.nkey },
      ...over,
    };
    return { ...unsigned, signature: forger.sign(manifestSigningInput(unsigned)), ...after };
  }
}
