import { type HandlerParts, handle } from '@keyfleet/command-handling';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { organisation, organisationStream, user, userStream } from '@keyfleet/identity/domain';
import { newId } from '@keyfleet/platform';
import type { Identity } from '../identity/identity.js';

export interface FirstUser {
  readonly email: string;
  readonly name: string;
  readonly password: string;
  /** At least one; the first is where facts about the user belong. */
  readonly orgs: readonly { readonly slug: string; readonly name: string }[];
  /** Otherwise a user who is known keeps the password they have. With it go all sessions begun with the old one. */
  readonly resetPassword?: boolean;
  /** Where the user was made before, nothing is changed: what was decided about them since stays so. */
  readonly once?: boolean;
}

export interface Bootstrapped {
  readonly userId: string;
  readonly orgs: readonly { readonly id: string; readonly slug: string }[];
}

const ACTOR = 'svc_bootstrap';

/**
 * The first user of an installation and the organisations they own. Run again it changes nothing, and finishes what an
 * attempt that died left undone.
 */
export async function bootstrap(
  parts: HandlerParts & { readonly identity: Identity },
  first: FirstUser,
): Promise<Bootstrapped> {
  const { identity } = parts;
  const before = first.once ? await madeBefore(identity, first) : undefined;
  if (before) return before;
  const userId = await knownUser(parts, first);
  const orgs: { id: string; slug: string }[] = [];
  for (const { slug, name } of first.orgs) {
    const known = await identity.directory.findOrganisation(slug);
    const id = known?.id ?? (await identity.organisations.found({ slug, name }, metaOf(userId))).data.id;
    await own(parts, id, userId);
    orgs.push({ id, slug });
  }
  await activate(parts, userId, orgs[0]?.id as string);
  return { userId, orgs };
}

/** The last thing made of a user is their home. */
async function madeBefore(identity: Identity, { email }: FirstUser): Promise<Bootstrapped | undefined> {
  const known = await identity.people.accountOf(email);
  const home = known && (await identity.people.homeOf(known.userId));
  return home ? { userId: known.userId, orgs: [] } : undefined;
}

async function knownUser(
  parts: HandlerParts & { readonly identity: Identity },
  { email, name, password, resetPassword }: FirstUser,
): Promise<string> {
  const { identity, clock } = parts;
  const now = clock.now();
  const known = await identity.people.accountOf(email);
  if (known) {
    if (resetPassword) await giveNewPassword(parts, known.userId, password);
    return known.userId;
  }
  const passwordHash = await identity.hasher.hash(password);
  return identity.people.add({ userId: newId('usr'), email, name, passwordHash, now });
}

/** Whoever knows the old password may be somebody else: nothing begun with it goes on. */
async function giveNewPassword(
  { identity, clock }: HandlerParts & { readonly identity: Identity },
  userId: string,
  password: string,
): Promise<void> {
  const { people, sessions, signIn, hasher } = identity;
  await people.setPassword(userId, await hasher.hash(password), clock.now());
  // Only now: a sign-in that was let in by the old password began before this moment.
  const ended = await sessions.endAllOf(userId, clock.now());
  const home = await people.homeOf(userId);
  if (home === null) return;
  for (const sessionId of ended) await signIn.writeEnd(sessionId, home, metaOf(ACTOR));
}

async function own(
  parts: HandlerParts & { readonly identity: Identity },
  orgId: string,
  userId: string,
): Promise<void> {
  const handled = await handle(parts, {
    decider: organisation,
    stream: organisationStream(orgId),
    command: { type: 'GrantMembership', userId, role: 'owner' },
    orgId,
    meta: metaOf(ACTOR),
  });
  await parts.identity.directory.apply(handled.events);
}

async function activate(
  parts: HandlerParts & { readonly identity: Identity },
  userId: string,
  firstOrg: string,
): Promise<void> {
  const orgId = (await parts.identity.people.homeOf(userId)) ?? firstOrg;
  const handled = await handle(parts, {
    decider: user,
    stream: userStream(userId),
    command: { type: 'ActivateUser', userId },
    orgId,
    meta: metaOf(ACTOR),
  });
  await parts.identity.directory.apply(handled.events);
}

function metaOf(actor: string): CommandMeta {
  return { commandId: newId('cmd'), actor, orgId: null, correlationId: 'bootstrap' };
}
