import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256, timestamp } from '@keyfleet/contracts';
import { type AgentIdentity, agentIdentity } from '@keyfleet/contracts/http';
import { newNkeySeed, nkeySigner } from '@keyfleet/crypto';
import { z } from 'zod';
import { readIfThere, writeDurably } from './files.js';

/** Everything the agent lives on between two renewals; one file, so that its parts always belong together. */
const storedIdentity = z.strictObject({
  v: z.literal(1),
  ...agentIdentity.shape,
  /** PKCS#8 PEM of the certificate's key. */
  privateKey: z.string(),
  /** Where to enrol and renew. */
  controlPlaneUrl: z.url(),
  /** PEM of the authority the enrolment token pinned; `null` over plain HTTP on loopback. */
  gatewayCa: z.string().nullable(),
  obtainedAt: timestamp,
  /** SHA-256 of the token it was enrolled with: another token may stand for another enrolment. */
  tokenHash: sha256,
  /** When the control plane said that this agent may not come back. */
  revokedAt: timestamp.nullable(),
});
export type StoredIdentity = z.infer<typeof storedIdentity>;

/** The key the agent is known by for life. */
export interface AgentKey {
  readonly nkey: string;
  readonly seed: string;
  sign(text: string): string;
}

/** What the control plane may change between two renewals. */
export type Announced = Pick<AgentIdentity, 'trustBundle' | 'commandKeys' | 'reconnectWindowMs'>;

const seedFile = z.string().regex(/^SU[A-Z2-7]{56}$/);

/** The link's own files below the agent's directory, readable by nobody else. */
export class IdentityStore {
  readonly #identityPath: string;
  readonly #seedPath: string;
  #identity: StoredIdentity | undefined;
  #key: AgentKey | undefined;

  /** Throws where a file is there and is not what this wrote: an agent must not start as somebody else. */
  constructor(directory: string) {
    this.#identityPath = join(directory, 'link', 'identity.json');
    this.#seedPath = join(directory, 'link', 'agent.nk');
    const text = readIfThere(this.#identityPath);
    if (text !== undefined) this.#identity = readIdentity(text);
  }

  get current(): StoredIdentity | undefined {
    return this.#identity;
  }

  /** Made at first use and written before it is ever told to anybody. */
  get key(): AgentKey {
    this.#key ??= this.#loadKey();
    return this.#key;
  }

  save(identity: Omit<StoredIdentity, 'v'>): StoredIdentity {
    const next: StoredIdentity = { v: 1, ...identity };
    writeDurably(this.#identityPath, `${JSON.stringify(next)}\n`);
    this.#identity = next;
    return next;
  }

  /** Written only where something is another than before: sync comes with every connection. */
  announce(announced: Announced): void {
    const current = this.#identity;
    if (!current) return;
    const next = { ...current, ...announced };
    if (JSON.stringify(next) !== JSON.stringify(current)) this.save(next);
  }

  /** Kept until a renewal succeeds, or a new token makes this a new agent. */
  markRevoked(at: string | null): void {
    if (this.#identity && this.#identity.revokedAt !== at) this.save({ ...this.#identity, revokedAt: at });
  }

  /** Forgets identity and key: a revoked key never comes back. The key goes first, so that this can be done again. */
  forget(): void {
    for (const path of [this.#seedPath, this.#identityPath]) rmSync(path, { force: true });
    this.#identity = undefined;
    this.#key = undefined;
  }

  #loadKey(): AgentKey {
    const found = readIfThere(this.#seedPath)?.trim();
    const seed = found ?? newNkeySeed();
    if (!seedFile.safeParse(seed).success) throw new Error(`${this.#seedPath} does not hold an agent key.`);
    if (found === undefined) writeDurably(this.#seedPath, `${seed}\n`);
    const signer = nkeySigner(seed);
    return { nkey: signer.nkey, seed, sign: signer.sign };
  }
}

function readIdentity(text: string): StoredIdentity {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message would quote the file.
    throw new Error('The identity file of this agent is damaged.');
  }
  const parsed = storedIdentity.safeParse(value);
  if (!parsed.success) throw new Error('The identity file of this agent is not one this version wrote.');
  return parsed.data;
}
