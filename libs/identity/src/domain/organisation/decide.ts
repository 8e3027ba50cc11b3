import type { BuiltInRole, Permission } from '@keyfleet/contracts';
import { type Decider, KeyfleetError } from '@keyfleet/kernel';
import {
  evolve,
  initialState,
  type KnownOrganisation,
  type Organisation,
  type OrganisationEvent,
} from './organisation.js';

/** A new organisation with its first owner. */
export interface CreateOrganisation {
  readonly type: 'CreateOrganisation';
  readonly orgId: string;
  readonly slug: string;
  readonly name: string;
  readonly ownerId: string;
}

/** Its members and tokens are cut until somebody lifts it; agents and their journals go on. */
export interface SuspendOrganisation {
  readonly type: 'SuspendOrganisation';
}

/** Makes a user a member, or gives a member another role. */
export interface GrantMembership {
  readonly type: 'GrantMembership';
  readonly userId: string;
  readonly role: string;
}

export interface RevokeMembership {
  readonly type: 'RevokeMembership';
  readonly userId: string;
  /** Owners who may not act, being disabled or not in yet: nobody is left with an organisation because of them. */
  readonly absentOwners: ReadonlySet<string>;
}

export interface DefineRole {
  readonly type: 'DefineRole';
  readonly role: string;
  readonly permissions: readonly Permission[];
}

export type OrganisationCommand =
  | CreateOrganisation
  | SuspendOrganisation
  | GrantMembership
  | RevokeMembership
  | DefineRole;

type Facts = readonly OrganisationEvent[];

const OWNER: BuiltInRole = 'owner';
const BUILT_IN: Readonly<Record<BuiltInRole, true>> = {
  viewer: true,
  operator: true,
  admin: true,
  owner: true,
};

function create(command: CreateOrganisation, state: Organisation): Facts {
  if (state.status !== 'unknown') throw new KeyfleetError('resource.exists');
  const { orgId, slug, name, ownerId } = command;
  return [
    { type: 'OrganisationCreated', v: 1, data: { orgId, slug, name } },
    { type: 'MembershipGranted', v: 1, data: { userId: ownerId, orgId, role: OWNER } },
  ];
}

function known(state: Organisation): KnownOrganisation {
  if (state.status === 'unknown') throw new KeyfleetError('resource.not-found');
  return state;
}

function suspend(state: Organisation): Facts {
  const { orgId } = known(state);
  if (state.status === 'suspended') return [];
  return [{ type: 'OrganisationSuspended', v: 1, data: { orgId } }];
}

function grant({ userId, role }: GrantMembership, state: Organisation): Facts {
  const { orgId, members, roles } = known(state);
  if (!(role in BUILT_IN) && !roles.has(role))
    throw new KeyfleetError('request.invalid', {
      errors: [{ pointer: '/role', message: 'is not a role of this organisation' }],
    });
  if (members.get(userId) === role) return [];
  if (role !== OWNER) refuseLastOwner(state, userId);
  return [{ type: 'MembershipGranted', v: 1, data: { userId, orgId, role } }];
}

function revoke({ userId, absentOwners }: RevokeMembership, state: Organisation): Facts {
  const { orgId, members, left } = known(state);
  if (!members.has(userId) && left.has(userId)) return [];
  if (!members.has(userId)) throw new KeyfleetError('resource.not-found');
  refuseLastOwner(state, userId, absentOwners);
  return [{ type: 'MembershipRevoked', v: 1, data: { userId, orgId } }];
}

const NOBODY: ReadonlySet<string> = new Set();

/** Everybody who owns the organisation, whether or not they may act. */
export function ownersOf(state: Organisation): readonly string[] {
  if (state.status === 'unknown') return [];
  return [...state.members].filter(([, role]) => role === OWNER).map(([userId]) => userId);
}

/** An organisation without an owner could not be given one again. Whoever is absent takes nobody away by going. */
function refuseLastOwner(state: Organisation, userId: string, absent = NOBODY): void {
  const present = ownersOf(state).filter((owner) => !absent.has(owner));
  if (present.length === 1 && present[0] === userId)
    throw new KeyfleetError('resource.conflict', {
      detail: 'This is the last owner of the organisation; name another one first.',
    });
}

function defineRole(command: DefineRole, state: Organisation): Facts {
  const { orgId } = known(state);
  if (command.role in BUILT_IN)
    throw new KeyfleetError('resource.exists', { detail: 'Built-in roles cannot be changed.' });
  const permissions = [...new Set(command.permissions)];
  return [{ type: 'RoleDefined', v: 1, data: { orgId, role: command.role, permissions } }];
}

function decide(command: OrganisationCommand, state: Organisation): Facts {
  switch (command.type) {
    case 'CreateOrganisation':
      return create(command, state);
    case 'SuspendOrganisation':
      return suspend(state);
    case 'GrantMembership':
      return grant(command, state);
    case 'RevokeMembership':
      return revoke(command, state);
    case 'DefineRole':
      return defineRole(command, state);
    default:
      return command satisfies never;
  }
}

export const organisation: Decider<Organisation, OrganisationCommand, OrganisationEvent> = {
  initialState,
  evolve,
  decide,
};
