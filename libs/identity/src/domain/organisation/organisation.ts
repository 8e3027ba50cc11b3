import type {
  EventOf,
  MembershipGranted,
  MembershipRevoked,
  OrganisationCreated,
  OrganisationSuspended,
  RoleDefined,
  SsoConnectionConfigured,
} from '@keyfleet/contracts/events';

export type OrganisationEvent = EventOf<
  | typeof OrganisationCreated
  | typeof OrganisationSuspended
  | typeof MembershipGranted
  | typeof MembershipRevoked
  | typeof RoleDefined
  | typeof SsoConnectionConfigured
>;

export interface KnownOrganisation {
  readonly orgId: string;
  readonly slug: string;
  readonly name: string;
  /** User id to role. */
  readonly members: ReadonlyMap<string, string>;
  /** Users who were members once. */
  readonly left: ReadonlySet<string>;
  /** The organisation's own roles. */
  readonly roles: ReadonlySet<string>;
}

export type Organisation =
  | { readonly status: 'unknown' }
  | ({ readonly status: 'active' } & KnownOrganisation)
  | ({ readonly status: 'suspended' } & KnownOrganisation);

export const initialState: Organisation = { status: 'unknown' };

export function organisationStream(orgId: string): string {
  return `organisation-${orgId}`;
}

export function evolve(state: Organisation, event: OrganisationEvent): Organisation {
  if (event.type === 'OrganisationCreated')
    return { status: 'active', ...event.data, members: new Map(), left: new Set(), roles: new Set() };
  if (state.status === 'unknown') return state;
  switch (event.type) {
    case 'OrganisationSuspended':
      return { ...state, status: 'suspended' };
    case 'MembershipGranted':
      return { ...state, members: new Map(state.members).set(event.data.userId, event.data.role) };
    case 'MembershipRevoked':
      return {
        ...state,
        members: without(state.members, event.data.userId),
        left: new Set(state.left).add(event.data.userId),
      };
    case 'RoleDefined':
      return { ...state, roles: new Set(state.roles).add(event.data.role) };
    default:
      return state;
  }
}

function without(members: ReadonlyMap<string, string>, userId: string): ReadonlyMap<string, string> {
  const left = new Map(members);
  left.delete(userId);
  return left;
}
