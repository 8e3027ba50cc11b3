import { hashSecret, PasswordHasher } from '@keyfleet/auth';
import { newId } from '@keyfleet/platform';
import { sameTiming, waitFor } from '@keyfleet/testing';
import { bootstrap } from '../bootstrap/bootstrap.js';
import { createIdentityStage, type IdentityStage } from '../testing/identity-stage.js';
import { metaOf } from '../testing/stage.js';
import { createIdentity } from './identity.js';

const HOUR = 3_600_000;

let clock: IdentityStage['clock'];
let database: IdentityStage['database'];
let gateway: IdentityStage['gateway'];
let identity: IdentityStage['identity'];
let limits: IdentityStage['limits'];
let login: IdentityStage['login'];
let options: IdentityStage['options'];
let owner: IdentityStage['owner'];
let sessionOf: IdentityStage['sessionOf'];
let store: IdentityStage['store'];

beforeAll(async () => {
  ({ clock, database, gateway, identity, limits, login, options, owner, sessionOf, store } =
    await createIdentityStage());
}, 60_000);

afterAll(() => database.drop());

describe('signing in', () => {
  it('S23: gives an opaque secret of 256 bits and keeps only its hash', async () => {
    const { email, userId } = await owner();
    const { sessionSecret, sessionId, absoluteExpiresAt } = await login(email.toUpperCase());
    expect(sessionSecret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    await expect(sessionOf(sessionSecret)).resolves.toEqual({
      sessionId,
      userId,
      email,
      name: 'An Owner',
      expiresAt: clock.now() + limits.idleMs,
    });
    expect(Date.parse(absoluteExpiresAt)).toBe(clock.now() + limits.absoluteMs);
    const [row] = await database.as('kf_identity')`
      select to_jsonb(s)::text as text from identity.sessions s where session_id = ${sessionId}`;
    expect(row?.text).not.toContain(sessionSecret);
    await expect(login(email)).resolves.not.toMatchObject({ sessionSecret });
  });

  it('S22: answers every failure with the same code', async () => {
    const { email } = await owner();
    for (const [who, password] of [
      [email, 'wrong'],
      ['nobody@example.org', 'correct horse'],
    ] as const)
      await expect(login(who, password)).rejects.toMatchObject({ code: 'auth.failed' });
  });

  it('S22: takes as long for an unknown user as for a wrong password', async () => {
    const { email } = await owner();
    const slow = new PasswordHasher({ cost: { memoryKiB: 4_096, passes: 2, parallelism: 1 } });
    await identity.people.setPassword(
      (await identity.people.accountOf(email))?.userId as string,
      await slow.hash('correct horse'),
      clock.now(),
    );
    const { signIn } = createIdentity({
      sql: database.as('kf_identity'),
      clock,
      store,
      limits,
      hasher: slow,
    });
    const attempt = (who: string) => () =>
      signIn.login({ email: who, password: 'wrong', network: '127.0.0.1' }, metaOf()).catch(() => undefined);
    expect(await sameTiming(attempt(email), attempt('nobody@example.org'), 40)).toBeGreaterThan(0.01);
  });

  it('is a fact of the organisation the user belongs to, without the password in it', async () => {
    const { email, userId, orgId } = await owner();
    const { data } = await identity.signIn.login(
      { email, password: 'correct horse', network: '127.0.0.1' },
      metaOf({ bodyHash: 'a'.repeat(64) }),
    );
    const events = await store.readStream(`session-${data.sessionId}`);
    expect(events).toMatchObject([
      { type: 'UserSignedIn', data: { userId, method: 'local' }, metadata: { orgId, actor: userId } },
    ]);
    expect(events[0]?.metadata.bodyHash).toBeUndefined();
  });
});

describe('a session', () => {
  it('S23: ends when it is not used, and at its absolute limit however much it is', async () => {
    const { email } = await owner();
    const { sessionId, sessionSecret } = await login(email);
    const begun = clock.now();
    const expiresAt = async () => (await sessionOf(sessionSecret))?.expiresAt;
    while (clock.now() < begun + limits.absoluteMs - limits.idleMs) {
      clock.advance(limits.idleMs / 2);
      await identity.signIn.touch({ sessionId });
      expect(await expiresAt()).toBe(Math.min(clock.now() + limits.idleMs, begun + limits.absoluteMs));
    }
    clock.advance(limits.idleMs / 2);
    await identity.signIn.touch({ sessionId });
    expect(await expiresAt()).toBe(begun + limits.absoluteMs);
    clock.advance(limits.idleMs);
    await identity.signIn.touch({ sessionId });
    expect(await expiresAt()).toBe(begun + limits.absoluteMs);
    expect(await identity.sessions.removeExpired(clock.now())).toBeGreaterThan(0);
    expect(await sessionOf(sessionSecret)).toBeNull();
  });

  it('S23: gives way to newer ones beyond the cap, also when they come at once', async () => {
    const { email, userId } = await owner();
    const first = await login(email);
    clock.advance(1);
    await Promise.all(Array.from({ length: 6 }, () => login(email)));
    const rows = await database.as('kf_identity')`
      select session_id from identity.sessions where user_id = ${userId}`;
    expect(rows).toHaveLength(limits.concurrent);
    expect(await sessionOf(first.sessionSecret)).toBeNull();
    const ended = await store.readStream(`session-${first.sessionId}`);
    expect(ended.map(({ type }) => type)).toEqual(['UserSignedIn', 'UserSignedOut']);
  });

  it('S23: ends at sign-out, for its own user alone', async () => {
    const [one, other] = [await owner(), await owner()];
    const { sessionId, sessionSecret } = await login(one.email);
    await expect(identity.signIn.logout({ sessionId }, other.meta())).rejects.toMatchObject({
      code: 'resource.not-found',
    });
    expect(await sessionOf(sessionSecret)).not.toBeNull();
    await identity.signIn.logout({ sessionId }, one.meta());
    expect(await sessionOf(sessionSecret)).toBeNull();
    await expect(identity.signIn.logout({ sessionId }, one.meta())).resolves.toEqual({ data: {} });
  });

  it('S23: its end is announced, so that no gateway goes on believing in it', async () => {
    const { email, meta } = await owner();
    const { sessionId } = await login(email);
    const heard: string[] = [];
    const { unlisten } = await database
      .as('kf_auth')
      .listen('keyfleet_changed', (payload) => heard.push(payload));
    await identity.signIn.logout({ sessionId }, meta());
    await database.as('kf_auth').notify('keyfleet_changed', 'last');
    await waitFor(() => heard.includes('last'));
    await unlisten();
    expect(JSON.parse(heard[0] as string)).toMatchObject({
      readModel: 'identity.sessions',
      ids: [sessionId],
    });
  });
});

describe('API tokens', () => {
  it('work from the moment they are shown until the moment they are revoked', async () => {
    const { meta, orgId } = await owner();
    const terms = { name: 'ci', permissions: ['agents:read' as const], expiresIn: 3_600 };
    const { data } = await identity.apiTokens.issue(terms, meta());
    expect(data.token).toMatch(/^kf_[A-Za-z0-9_-]{43}$/);
    const hash = hashSecret(data.token);
    await expect(gateway.findApiToken(hash)).resolves.toEqual({
      tokenId: data.id,
      orgId,
      name: 'ci',
      permissions: ['agents:read'],
      expiresAt: clock.now() + HOUR,
    });
    await expect(identity.access.require({ actor: data.id, orgId }, 'agents:read')).resolves.toMatchObject({
      orgId,
    });
    await identity.apiTokens.revoke({ tokenId: data.id }, meta());
    expect(await gateway.findApiToken(hash)).toBeNull();
    await expect(identity.access.require({ actor: data.id, orgId }, 'agents:read')).rejects.toMatchObject({
      code: 'resource.not-found',
    });
  });

  it('never may more than whoever issues them, and may nothing after they expired', async () => {
    const { meta, orgId } = await owner();
    const narrow = await identity.apiTokens.issue(
      { name: 'issuer', permissions: ['tokens:write', 'agents:read'], expiresIn: 60 },
      meta(),
    );
    const asToken = metaOf({ actor: narrow.data.id, orgId });
    const request = { name: 'x', permissions: ['agents:revoke' as const] };
    await expect(identity.apiTokens.issue(request, asToken)).rejects.toMatchObject({
      code: 'auth.forbidden',
    });
    clock.advance(60_000);
    await expect(
      identity.apiTokens.issue({ name: 'x', permissions: ['agents:read'] }, asToken),
    ).rejects.toMatchObject({ code: 'resource.not-found' });
  });

  it('are shown once per Idempotency-Key, also to many at once', async () => {
    const { meta } = await owner();
    const key = meta({ bodyHash: 'a'.repeat(64), commandId: newId('cmd') });
    const attempts = await Promise.allSettled(
      [1, 2, 3, 4].map(() => identity.apiTokens.issue({ name: 'ci', permissions: ['agents:read'] }, key)),
    );
    const shown = attempts.filter((attempt) => attempt.status === 'fulfilled');
    expect(shown).toHaveLength(1);
    await expect(
      gateway.findApiToken(hashSecret(shown[0]?.value.data.token as string)),
    ).resolves.not.toBeNull();
    for (const attempt of attempts.filter((one) => one.status === 'rejected'))
      expect(attempt.reason).toMatchObject({ code: 'idempotency.shown-once' });
  });

  it('S9: of other organisations are as absent as tokens that never were', async () => {
    const [one, other] = [await owner(), await owner()];
    const { data } = await identity.apiTokens.issue({ name: 'ci', permissions: ['agents:read'] }, one.meta());
    for (const tokenId of [data.id, newId('tok')])
      await expect(identity.apiTokens.revoke({ tokenId }, other.meta())).rejects.toMatchObject({
        code: 'resource.not-found',
      });
    await expect(
      identity.access.require({ actor: data.id, orgId: other.orgId }, 'agents:read'),
    ).rejects.toMatchObject({ code: 'resource.not-found' });
  });
});

describe('organisations', () => {
  it('are found by id and slug the moment they exist, by their members', async () => {
    const { userId, meta } = await owner();
    const { data } = await identity.organisations.create({ slug: 'acme-bank', name: 'Acme' }, meta());
    for (const name of [data.id, 'acme-bank'])
      await expect(gateway.findOrganisation(name)).resolves.toEqual(data);
    expect(await gateway.permissionsOf(userId, data.id)).toContain('org:write');
    expect(await gateway.organisationsOf(userId)).toContainEqual(data);
  });

  it('have a slug of their own, however many ask at once', async () => {
    const owners = await Promise.all([owner(), owner(), owner(), owner()]);
    const attempts = await Promise.allSettled(
      owners.map(({ meta }) => identity.organisations.create({ slug: 'contested', name: 'X' }, meta())),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const attempt of attempts.filter((one) => one.status === 'rejected'))
      expect(attempt.reason).toMatchObject({ code: 'resource.exists' });
  });

  it('can be founded under a slug whose first claimant died', async () => {
    const { meta } = await owner();
    const abandoned = newId('org');
    await identity.directory.claimSlug('abandoned', abandoned);
    const { data } = await identity.organisations.create({ slug: 'abandoned', name: 'X' }, meta());
    expect(data.id).toBe(abandoned);
  });

  it('are founded once per Idempotency-Key', async () => {
    const { meta } = await owner();
    const key = meta({ bodyHash: 'a'.repeat(64), commandId: newId('cmd') });
    const first = await identity.organisations.create({ slug: 'keyed', name: 'X' }, key);
    await expect(identity.organisations.create({ slug: 'keyed', name: 'X' }, key)).resolves.toEqual(first);
    const other = { ...key, bodyHash: 'b'.repeat(64) };
    await expect(identity.organisations.create({ slug: 'other', name: 'X' }, other)).rejects.toMatchObject({
      code: 'idempotency.mismatch',
    });
    await expect(identity.organisations.create({ slug: 'other', name: 'X' }, meta())).resolves.toMatchObject({
      data: { slug: 'other' },
    });
  });

  it('are founded only by somebody who may change one', async () => {
    const boss = await owner();
    const nobody = metaOf({ actor: newId('usr') });
    const token = await identity.apiTokens.issue({ name: 'x', permissions: ['org:write'] }, boss.meta());
    for (const meta of [nobody, metaOf({ actor: token.data.id })])
      await expect(
        identity.organisations.create({ slug: 'not-this', name: 'X' }, meta),
      ).rejects.toMatchObject({ code: 'auth.forbidden' });
  });

  it('are cut while they are suspended', async () => {
    const { orgId, userId, email, meta } = await owner();
    const token = await identity.apiTokens.issue({ name: 'ci', permissions: ['agents:read'] }, meta());
    const { sessionSecret } = await login(email);
    const revision = (await store.streamRevision(`organisation-${orgId}`)) as bigint;
    const metadata = { orgId, actor: userId, at: new Date(clock.now()).toISOString() };
    await store.append(`organisation-${orgId}`, revision, [
      { id: newId('evt'), type: 'OrganisationSuspended', v: 1, data: { orgId }, metadata },
    ]);
    await identity.directory.apply(await store.readStream(`organisation-${orgId}`));
    expect(await gateway.findOrganisation(orgId)).toBeNull();
    expect(await gateway.permissionsOf(userId, orgId)).toBeNull();
    expect(await gateway.findApiToken(hashSecret(token.data.token))).toBeNull();
    // The person is not.
    expect(await sessionOf(sessionSecret)).not.toBeNull();
  });
});

describe('bootstrapping', () => {
  it('changes nothing the second time, and keeps a password', async () => {
    const first = { email: 'a@b.org', name: 'A', password: 'one', orgs: [{ slug: 'twice', name: 'Twice' }] };
    const parts = { identity, store, clock };
    const done = await bootstrap(parts, first);
    const position = await store.headPosition();
    await expect(bootstrap(parts, { ...first, password: 'two' })).resolves.toEqual(done);
    expect(await store.headPosition()).toBe(position);
    await expect(login('a@b.org', 'one')).resolves.toMatchObject({ userId: done.userId });
    await bootstrap(parts, { ...first, password: 'two', resetPassword: true });
    await expect(login('a@b.org', 'two')).resolves.toMatchObject({ userId: done.userId });
    await expect(login('a@b.org', 'one')).rejects.toMatchObject({ code: 'auth.failed' });
  });

  it('S23: a new password ends every session begun with the old one, and its sign-ins under way', async () => {
    const { email, orgId } = await owner();
    const open = await login(email);
    clock.advance(1);
    // Whoever typed the old password while it was replaced: it is looked at before, and found right after.
    const verified = Promise.withResolvers<void>();
    const replaced = Promise.withResolvers<void>();
    class SlowHasher extends PasswordHasher {
      override async verify(password: string, stored: string | null): Promise<boolean> {
        const matches = await super.verify(password, stored);
        verified.resolve();
        await replaced.promise;
        return matches;
      }
    }
    const slow = createIdentity({ ...options, hasher: new SlowHasher() });
    const late = slow.signIn.login({ email, password: 'correct horse', network: '127.0.0.1' }, metaOf());
    await verified.promise;
    clock.advance(1);
    const again = { email, name: 'An Owner', password: 'two', orgs: [], resetPassword: true };
    await bootstrap({ identity, store, clock }, again);
    replaced.resolve();
    expect(await sessionOf(open.sessionSecret)).toBeNull();
    expect(await sessionOf((await late).data.sessionSecret)).toBeNull();
    expect(await sessionOf((await login(email, 'two')).sessionSecret)).not.toBeNull();
    expect((await store.readStream(`session-${open.sessionId}`)).at(-1)).toMatchObject({
      type: 'UserSignedOut',
      metadata: { orgId, actor: 'svc_bootstrap' },
    });
  });

  it('made once, leaves alone what was decided about somebody since', async () => {
    const second = { email: 'c@d.org', name: 'C', password: 'one', orgs: [{ slug: 'once', name: 'Once' }] };
    const parts = { identity, store, clock };
    const { userId } = await bootstrap(parts, { ...second, once: true });
    await expect(login('c@d.org', 'one')).resolves.toMatchObject({ userId });
    const more = [...second.orgs, { slug: 'later', name: 'Later' }];
    const position = await store.headPosition();
    await expect(bootstrap(parts, { ...second, orgs: more, once: true })).resolves.toEqual({
      userId,
      orgs: [],
    });
    expect(await store.headPosition()).toBe(position);
  });
});
