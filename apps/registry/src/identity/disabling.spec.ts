import { hashSecret } from '@keyfleet/auth';
import type { CommandMeta } from '@keyfleet/contracts/messages';
import { deriveId, newId } from '@keyfleet/platform';
import { createIdentityStage, type IdentityStage, type Owner } from '../testing/identity-stage.js';
import { metaOf } from '../testing/stage.js';

let stage: IdentityStage;
beforeAll(async () => {
  stage = await createIdentityStage();
}, 60_000);

afterAll(() => stage.database.drop());

/** A token that may issue others. */
async function issuing(meta: CommandMeta, expiresIn?: number) {
  const permissions = ['tokens:write' as const, 'agents:read' as const];
  const { data } = await stage.identity.apiTokens.issue({ name: 'issuer', permissions, expiresIn }, meta);
  const as = () => metaOf({ actor: data.id, orgId: meta.orgId });
  return { ...data, as, found: () => stage.gateway.findApiToken(hashSecret(data.token)) };
}

describe('disabling a user', () => {
  it('S23: ends every session and token, and any new sign-in', async () => {
    const [admin, user] = [await stage.owner(), await stage.owner()];
    await stage.join(admin, user.orgId, 'owner');
    const { sessionSecret } = await stage.login(user.email);
    const issued = await stage.identity.apiTokens.issue(
      { name: 'ci', permissions: ['agents:read'] },
      user.meta(),
    );
    await stage.identity.users.disable({ userId: user.userId }, admin.meta({ orgId: user.orgId }));
    expect(await stage.sessionOf(sessionSecret)).toBeNull();
    expect(await stage.gateway.findApiToken(hashSecret(issued.data.token))).toBeNull();
    expect(await stage.gateway.permissionsOf(user.userId, user.orgId)).toBeNull();
    await expect(stage.login(user.email)).rejects.toMatchObject({ code: 'auth.failed' });
  });

  it('S23: ends tokens that came of a token of theirs, over however many hands', async () => {
    const [admin, user] = [await stage.owner(), await stage.owner()];
    await stage.join(admin, user.orgId, 'owner');
    const first = await issuing(user.meta());
    const second = await issuing(first.as());
    const third = await issuing(second.as());
    // One that is gone on the way hides none behind it.
    const revoked = await issuing(user.meta());
    const behind = await issuing(revoked.as());
    await stage.store.append(`apitoken-${revoked.id}`, 0n, [
      {
        id: newId('evt'),
        type: 'ApiTokenRevoked',
        v: 1,
        data: { tokenId: revoked.id, orgId: user.orgId },
        metadata: { orgId: user.orgId, actor: user.userId, at: new Date(stage.clock.now()).toISOString() },
      },
    ]);
    await stage.identity.directory.apply(await stage.store.readStream(`apitoken-${revoked.id}`));
    const admins = await issuing(admin.meta({ orgId: user.orgId }));
    await stage.identity.users.disable({ userId: user.userId }, admin.meta({ orgId: user.orgId }));
    for (const token of [first, second, third, behind]) expect(await token.found()).toBeNull();
    await expect(issuing(third.as())).rejects.toMatchObject({ code: 'resource.not-found' });
    expect(await admins.found()).not.toBeNull();
  });

  it('S23: leaves no token to whoever was issuing one meanwhile', async () => {
    const admin = await stage.owner();
    for (const byToken of [false, true]) {
      const user = await stage.owner();
      await stage.join(admin, user.orgId, 'owner');
      const first = await issuing(user.meta());
      const { apiTokens } = stage.around({
        after: () => stage.identity.users.disable({ userId: user.userId }, admin.meta({ orgId: user.orgId })),
      });
      const request = { name: 'late', permissions: ['agents:read' as const] };
      await expect(apiTokens.issue(request, byToken ? first.as() : user.meta())).rejects.toMatchObject({
        code: 'resource.not-found',
      });
      await expect(stage.identity.directory.tokensIssuedBy(user.userId)).resolves.toEqual([]);
    }
  });

  it('S23: holds for sessions that were left behind by a process that died half-way', async () => {
    const user = await stage.owner();
    const { sessionSecret } = await stage.login(user.email);
    stage.clock.advance(1);
    const at = new Date(stage.clock.now()).toISOString();
    const metadata = { orgId: user.orgId, actor: user.userId, at };
    for (const type of ['UserDisabled', 'UserActivated']) {
      const revision = (await stage.store.streamRevision(`user-${user.userId}`)) as bigint;
      await stage.store.append(`user-${user.userId}`, revision, [
        { id: newId('evt'), type, v: 1, data: { userId: user.userId }, metadata },
      ]);
    }
    await stage.identity.directory.apply(await stage.store.readStream(`user-${user.userId}`));
    expect(await stage.sessionOf(sessionSecret)).toBeNull();
    await expect(stage.login(user.email)).resolves.toMatchObject({ userId: user.userId });
  });

  it('S9: takes the membership alone from somebody who also belongs elsewhere', async () => {
    const [admin, guest] = [await stage.owner(), await stage.owner()];
    await stage.join(guest, admin.orgId, 'viewer');
    const { sessionSecret } = await stage.login(guest.email);
    await stage.identity.users.disable({ userId: guest.userId }, admin.meta());
    expect(await stage.gateway.permissionsOf(guest.userId, admin.orgId)).toBeNull();
    expect(await stage.gateway.permissionsOf(guest.userId, guest.orgId)).toContain('org:write');
    expect(await stage.sessionOf(sessionSecret)).not.toBeNull();
  });

  it('repro-guest-tokens: finishes what an attempt that died left of somebody who also belongs elsewhere', async () => {
    const [admin, guest] = [await stage.owner(), await stage.owner()];
    for (const keyed of [true, false]) {
      await stage.join(guest, admin.orgId, 'admin');
      const first = await issuing(guest.meta({ orgId: admin.orgId }));
      const second = await issuing(first.as());
      const own = await issuing(guest.meta());
      const key = () =>
        admin.meta(keyed ? { bodyHash: 'a'.repeat(64), commandId: deriveId('cmd', guest.userId) } : {});
      const die = () => Promise.reject(new Error('killed'));
      const died = stage.around(keyed ? { after: die } : { before: die });
      await expect(died.users.disable({ userId: guest.userId }, key())).rejects.toThrow('killed');
      expect(await second.found()).not.toBeNull();
      await expect(stage.identity.users.disable({ userId: guest.userId }, key())).resolves.toMatchObject({
        data: {},
        ...(!keyed && { unchanged: true }),
      });
      expect([await first.found(), await second.found()]).toEqual([null, null]);
      expect(await own.found()).not.toBeNull();
    }
  });

  it('S9: finds no users of other organisations', async () => {
    const [admin, stranger] = [await stage.owner(), await stage.owner()];
    for (const userId of [stranger.userId, newId('usr')])
      await expect(stage.identity.users.disable({ userId }, admin.meta())).rejects.toMatchObject({
        code: 'resource.not-found',
      });
  });

  it('repro-disabled-owners: counts no owner who is disabled as another one', async () => {
    const [admin, second] = [await stage.owner(), await stage.owner()];
    const { orgId } = admin;
    await stage.join(second, orgId, 'owner');
    const deputy = await stage.owner();
    await stage.join(deputy, orgId, 'admin');
    // Has a say where the second one belongs, so that the user is disabled and does not only leave.
    await stage.join(deputy, second.orgId, 'owner');
    const disable = ({ userId }: Owner) => stage.identity.users.disable({ userId }, deputy.meta({ orgId }));
    await disable(second);
    await expect(disable(admin)).rejects.toMatchObject({ code: 'resource.conflict' });
    // Who is disabled already takes nobody away.
    await expect(disable(second)).resolves.toMatchObject({ unchanged: true });
    expect(await stage.gateway.permissionsOf(admin.userId, orgId)).toContain('org:write');
  });

  it('repro-disabled-owners: nor where the other one only leaves', async () => {
    const [admin, guest] = [await stage.owner(), await stage.owner()];
    const { orgId } = admin;
    await stage.join(guest, orgId, 'owner');
    const deputy = await stage.owner();
    await stage.join(deputy, orgId, 'admin');
    await stage.identity.users.disable({ userId: admin.userId }, deputy.meta({ orgId }));
    await expect(
      stage.identity.users.disable({ userId: guest.userId }, deputy.meta({ orgId })),
    ).rejects.toMatchObject({ code: 'resource.conflict' });
    expect(await stage.gateway.permissionsOf(guest.userId, orgId)).toContain('org:write');
  });

  it('never leaves an organisation without an owner', async () => {
    const admin = await stage.owner();
    await expect(stage.identity.users.disable({ userId: admin.userId }, admin.meta())).rejects.toMatchObject({
      code: 'resource.conflict',
    });
  });
});

describe('API tokens issued by API tokens', () => {
  it('S23: end with the token they were issued by: no later than it runs out, and when it is revoked', async () => {
    const { meta, orgId } = await stage.owner();
    const first = await issuing(meta(), 60);
    const limit = new Date(stage.clock.now() + 60_000).toISOString();
    const [endless, long, short] = [
      await issuing(first.as()),
      await issuing(first.as(), 3_600),
      await issuing(first.as(), 30),
    ];
    expect([endless, long].map(({ expiresAt }) => expiresAt)).toEqual([limit, limit]);
    expect(short.expiresAt).toBe(new Date(stage.clock.now() + 30_000).toISOString());
    await stage.identity.apiTokens.revoke({ tokenId: first.id }, meta());
    for (const token of [endless, long, short]) {
      expect(await token.found()).toBeNull();
      expect((await stage.store.readStream(`apitoken-${token.id}`)).at(-1)).toMatchObject({
        type: 'ApiTokenRevoked',
        metadata: { orgId },
      });
    }
  });

  it('S23: may do nothing once one they came of is revoked, also where that was not carried to the end', async () => {
    const { meta } = await stage.owner();
    const first = await issuing(meta());
    const second = await issuing(first.as());
    const died = stage.around({ after: () => Promise.reject(new Error('killed')) });
    const key = meta({ bodyHash: 'a'.repeat(64), commandId: newId('cmd') });
    await expect(died.apiTokens.revoke({ tokenId: first.id }, key)).rejects.toThrow('killed');
    await stage.identity.directory.apply(await stage.store.readStream(`apitoken-${first.id}`));
    await expect(issuing(second.as())).rejects.toMatchObject({ code: 'resource.not-found' });
    await stage.identity.apiTokens.revoke({ tokenId: first.id }, key);
    expect(await second.found()).toBeNull();
  });

  it('S23: are all ended at once, however long the line of them is', async () => {
    const { meta } = await stage.owner();
    const line = [await issuing(meta())];
    while (line.length < 20) line.push(await issuing((line.at(-1) as (typeof line)[0]).as()));
    const head = await stage.store.headPosition();
    await stage.identity.apiTokens.revoke({ tokenId: line[0]?.id as string }, meta());
    expect(await Promise.all(line.map((token) => token.found()))).toEqual(line.map(() => null));
    expect((await stage.store.readAll({ after: head })).events).toHaveLength(line.length);
  });
});
