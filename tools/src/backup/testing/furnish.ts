import { newId } from '@keyfleet/platform';
import { event, type World } from './world.js';

/** Of whom the furniture is. */
export const IDS = {
  orgId: newId('org'),
  agentId: newId('agt'),
  tokenId: newId('tok'),
  userId: newId('usr'),
} as const;
const { orgId, agentId, tokenId, userId } = IDS;
const hashes = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const entry = (seq: number) =>
  event(
    'SecretCreated',
    { seq, text: 'tab\tline\nback\\slash é 🔑 \\N' },
    { orgId, journal: { prev: hashes[seq - 1] as string, hash: hashes[seq] as string } },
  );

/** One of everything a backup keeps. */
export async function furnish(world: World): Promise<void> {
  const store = world.store();
  await store.append(`detection-${world.installationId}`, 'no-stream', [event('DetectionResumed', {})]);
  await store.append(`journal-${agentId}.1`, 'no-stream', [entry(1), entry(2), entry(3)]);
  const founded = { orgId, slug: 'acme', name: 'Acme' };
  await store.append(`organisation-${orgId}`, 'no-stream', [
    event('OrganisationCreated', founded, { orgId }),
  ]);
  const terms = { name: 'ci', secretHash: 'e'.repeat(64), permissions: [], expiresAt: null };
  const issued = event('ApiTokenIssued', { tokenId, orgId, ...terms }, { orgId });
  await store.append(`apitoken-${tokenId}`, 'no-stream', [issued]);
  await store.append(`user-${userId}`, 'no-stream', [event('UserActivated', { userId }, { orgId })]);
  await world.query(
    'kf_identity',
    `insert into identity.people (user_id, email, email_key, name, created_at, updated_at)
     values ('${userId}', 'a@b.c', 'a@b.c', E'A\\tB', now(), now())`,
  );
  await world.query(
    'kf_identity',
    `insert into identity.sessions (session_id, user_id, secret_hash, method, created_at, last_used_at,
       idle_expires_at, absolute_expires_at, network)
     values ('s', '${userId}', 'h', 'local', now(), now(), now() + interval '1 day', now() + interval '1 day', 'n')`,
  );
  await world.query(
    'kf_worker',
    `insert into registry.revocations (nkey, agent_id, jwt_expires_at) values ('*', null, now() + interval '1 day')`,
  );
  await world.query(
    'kf_worker',
    `insert into registry.agent_last_seen (agent_id, org_id, state) values ('${agentId}', '${orgId}', 'online')`,
  );
  await world.query(
    'kf_worker',
    `insert into registry.enrolment_secrets (secret_hash, token_id, expires_at) values ('h', 't', now())`,
  );
}
