import { createInMemoryEventStore } from '@keyfleet/event-store/in-memory';
import { deriveId, newId } from '@keyfleet/platform';
import { agentStream } from '@keyfleet/registry/domain';
import { StoredEnrolmentSecrets } from './enrolment/enrolment-secrets.js';
import { RENEWAL_WINDOW_MS } from './enrolment/renewal.js';
import { StoredRenewalNonces } from './enrolment/renewal-nonces.js';
import { carryOutRevocations, recordRevocations, tidy } from './housekeeping.js';
import { createIdentity } from './identity/identity.js';
import { type RegistryDatabase, registryDatabase } from './testing/database.js';
import { createStage } from './testing/stage.js';

const HOUR = 3_600_000;
let database: RegistryDatabase;

beforeAll(async () => {
  database = await registryDatabase();
}, 60_000);
afterAll(() => database.drop());

async function house() {
  const { clock, authority } = await createStage();
  const sql = database.as('kf_worker');
  const store = createInMemoryEventStore({ clock });
  const limits = { idleMs: HOUR, absoluteMs: 10 * HOUR, concurrent: 3 };
  const { sessions } = createIdentity({ sql: database.as('kf_identity'), clock, store, limits });
  const secrets = new StoredEnrolmentSecrets(sql);
  const nonces = new StoredRenewalNonces(sql);
  return { clock, store, actor: 'svc_registry', authority, sql, sessions, secrets, nonces };
}

it('housekeeping throws away what ended, and nothing that may still be asked for', async () => {
  const parts = await house();
  const { clock, secrets, sessions, sql } = parts;
  const at = (offset: number) => new Date(clock.now() + offset).toISOString();
  await secrets.remember('a'.repeat(64), 'etk_old', at(-25 * HOUR));
  await secrets.remember('b'.repeat(64), 'etk_new', at(-HOUR));
  const oldest = at(-2 * RENEWAL_WINDOW_MS);
  await sql`insert into registry.renewal_nonces (agent_id, nonce, used_at) values
    ('agt', 'old', ${at(-2 * RENEWAL_WINDOW_MS - 2 * HOUR)}), ('agt', 'kept', ${oldest})`;
  const open = (sessionId: string, now: number) =>
    sessions.open({
      sessionId,
      userId: 'usr_1',
      secretHash: sessionId,
      method: 'local',
      network: 'x',
      userAgent: undefined,
      now,
    });
  await open('ses_old', clock.now() - 2 * HOUR);
  await open('ses_new', clock.now());
  await tidy(parts);
  expect(await secrets.tokenOf('a'.repeat(64))).toBeNull();
  expect(await secrets.tokenOf('b'.repeat(64))).toBe('etk_new');
  expect(await sql`select nonce from registry.renewal_nonces`).toEqual([{ nonce: 'kept' }]);
  expect(await database.as('kf_identity')`select session_id from identity.sessions`).toEqual([
    { session_id: 'ses_new' },
  ]);
});

it('S4: a revocation that was written down and not carried out is carried out', async () => {
  const parts = await house();
  const { authority, clock, sql } = parts;
  const [soon, past] = [clock.now() + HOUR, clock.now() - HOUR].map((ms) => new Date(ms).toISOString());
  const agent = (name: string, ends: string | undefined, revoked: boolean) => sql`
    insert into registry.agents_v1 (org_id, agent_id, name, nkey, labels, version, enrolled_at,
      certificate_expires_at, credentials_end_at, revoked_at, last_event_type, last_event_at,
      last_event_recorded_at, revision)
    values ('org', ${deriveId('agt', name)}, ${name}, ${`U${name.padEnd(55, 'A').toUpperCase()}`}, '{}', '1.0.0', now(),
      ${ends as string}, ${ends as string}, ${revoked ? (past as string) : null}, 'x', now(), now(), 0)`;
  await agent('lives', soon, false);
  await agent('forgotten', soon, true);
  await agent('done', soon, true);
  await agent('over', past, true);
  await sql`insert into registry.revocations (nkey, agent_id, jwt_expires_at)
    values (${`U${'done'.padEnd(55, 'A').toUpperCase()}`}, 'agt', ${soon as string})`;
  expect(await carryOutRevocations(parts)).toBe(1);
  expect(authority.revoked.map(({ agentId }) => agentId)).toEqual([deriveId('agt', 'forgotten')]);
});

it('repro-revocation-after-restore, S4: a revocation that only the broker remembered after a restore becomes a fact again, once', async () => {
  const parts = await house();
  const { clock, sql, store } = parts;
  const [orgId, soon] = [newId('org'), new Date(clock.now() + HOUR).toISOString()];
  const nkey = `U${'TAKENOVER'.padEnd(55, 'A')}`;
  const agentId = deriveId('agt', nkey);
  const data = { agentId, name: 'x', nkey, labels: {}, version: '1.0.0', tokenId: newId('etk'), serial: '1' };
  const metadata = { orgId, actor: agentId, at: soon };
  const enrolled = { type: 'AgentEnrolled', v: 1, data: { ...data, certificateExpiresAt: soon } };
  await store.append(agentStream(agentId), 'no-stream', [{ ...enrolled, id: newId('evt'), metadata }]);
  await sql`
    insert into registry.agents_v1 (org_id, agent_id, name, nkey, labels, version, enrolled_at,
      certificate_expires_at, credentials_end_at, revoked_at, last_event_type, last_event_at,
      last_event_recorded_at, revision)
    values (${orgId}, ${agentId}, 'x', ${nkey}, '{}', '1.0.0', now(), ${soon}, ${soon}, null, 'x', now(), now(), 0)`;
  expect(await recordRevocations(parts)).toBe(0);
  await sql`insert into registry.revocations (nkey, agent_id, jwt_expires_at) values (${nkey}, ${agentId}, ${soon})`;
  await recordRevocations(parts);
  // The row follows when the projection comes to it; meanwhile it is looked at again.
  await recordRevocations(parts);
  const facts = await store.readStream(agentStream(agentId));
  expect(facts.map(({ type }) => type)).toEqual(['AgentEnrolled', 'AgentRevoked']);
  expect(facts[1]?.metadata).toMatchObject({ orgId, actor: 'svc_registry' });
});

it('a nonce is taken once, whoever asks', async () => {
  const { nonces } = await house();
  const claims = await Promise.all(Array.from({ length: 8 }, () => nonces.claim('agt_2', 'n')));
  expect(claims.filter(Boolean)).toHaveLength(1);
  expect(await nonces.claim('agt_3', 'n')).toBe(true);
});
