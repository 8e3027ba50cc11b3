import type { Permission } from '@keyfleet/contracts';

/** Who sent a request, as the credential proves it; never what the request claims. */
export interface Actor {
  readonly kind: 'user' | 'token';
  /** `usr_…` or `tok_…`. */
  readonly id: string;
  /** Only for people signed in with a cookie. */
  readonly sessionId: string | null;
  readonly email: string | null;
  readonly name: string | null;
}

/** An organisation the actor may see, with what it may do there. */
export interface OrgAccess {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
}

/** What a checked request carries from the guard to its handler. */
export interface Access {
  readonly actor: Actor;
  /** `null` on routes outside an organisation. */
  readonly org: OrgAccess | null;
}
