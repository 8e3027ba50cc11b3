/** A fact in the past tense. `v` is the schema version of `data` as it was written. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly v: number;
  readonly data: Data;
}

/** What the envelope knows about an event beside its data; every id in it is ours. */
export interface EventMetadata {
  /** `null` for facts of the installation as a whole. */
  readonly orgId: string | null;
  /** A user, agent, token or service id; never a name or an address. */
  readonly actor: string;
  /** RFC 3339 UTC: when the source says it happened. */
  readonly at: string;
  readonly correlationId?: string;
  /** The command or event that caused this one; with an idempotency key, the derived command id. */
  readonly causationId?: string;
  readonly traceparent?: string;
  /** SHA-256 (hex) of the request body, kept with an idempotency key. */
  readonly bodyHash?: string;
  /** On events of agents' journals: the chain as the agent made it (SHA-256, hex). */
  readonly journal?: { readonly prev: string; readonly hash: string };
}
