import type { SECRET_ACTIONS } from '@keyfleet/contracts/events';

/** What is asked of a vault, as far as a policy may look at it. */
export interface AccessRequest {
  readonly principal: string;
  readonly groups: readonly string[];
  readonly action: (typeof SECRET_ACTIONS)[number];
  /** Null for what concerns the vault as a whole. */
  readonly path: string | null;
  readonly method: string;
  readonly secondFactor: boolean;
  readonly client: string | null;
  /** Why somebody says they ask, where they were asked. */
  readonly reason: string | null;
  /** Null where it came from within the agent. */
  readonly address: string | null;
  /** Of the secret, or those it is to be created with; empty where there are none. */
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Parts of a request that a record of it may lack. */
export type Unknown = 'address' | 'at' | 'tags' | 'reason' | 'client' | 'principal' | 'groups' | 'path';
