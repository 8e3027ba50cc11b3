import { GENESIS_HASH } from '@keyfleet/contracts';
import { verifyChain } from '@keyfleet/crypto';
import type { Journal } from '../link/journal/journal.js';
import { NO_POLICY } from '../policy/state.js';
import type { Change, VaultStorage } from './port.js';
import { apiKey, at, event, key, line, put, usage, version } from './samples.contract.js';

export interface StorageSubject {
  readonly storage: VaultStorage;
  readonly journal: Journal;
  /** Closes it and opens the same vault anew. */
  reopen(): Promise<StorageSubject>;
  destroy(): Promise<void>;
}

const conflict = expect.objectContaining({ code: 'revision.conflict' });
const page = { prefix: '', visible: [''], limit: 100 };
const everything = { entries: 1_000, bytes: 1e9 };

/** What every storage of a vault has to keep. */
export function describeStorage(kind: string, make: () => Promise<StorageSubject>): void {
  describe(`vault storage: ${kind}`, () => {
    let subject: StorageSubject;
    const storage = () => subject.storage;
    const apply = (change: Change) => subject.storage.apply(change);

    beforeEach(async () => {
      subject = await make();
      await apply({ keys: [{ kind: 'activate', key: key(1) }] });
    });
    afterEach(() => subject.destroy());

    it('keeps what it knows of policies with the event that tells of it, for whoever knew the one before', async () => {
      expect(await storage().policyRecord()).toEqual({ revision: 0, state: NO_POLICY });
      const state = { ...NO_POLICY, version: 3 };
      await apply({ policy: { expected: 0, state }, events: [event(1)] });
      const late = apply({ policy: { expected: 0, state: NO_POLICY }, events: [event(2)] });
      await expect(late).rejects.toEqual(conflict);
      subject = await subject.reopen();
      expect(await storage().policyRecord()).toEqual({ revision: 1, state });
      await apply({ policy: { expected: 1, state: NO_POLICY } });
      expect(await storage().policyRecord()).toEqual({ revision: 2, state: NO_POLICY });
      subject.journal.identify({ orgId: 'org_a', agentId: 'agt_a', epoch: 1, prev: GENESIS_HASH });
      expect(subject.journal.pending(everything)).toHaveLength(1);
    });

    it('has an id of its own, the same for ever', async () => {
      const other = await make();
      const { vaultId } = storage();
      expect(vaultId).toMatch(/^[0-9a-f]{32}$/);
      expect(other.storage.vaultId).not.toBe(vaultId);
      await other.destroy();
      subject = await subject.reopen();
      expect(storage().vaultId).toBe(vaultId);
    });

    it('gives back a secret and its versions in every field, also when opened anew', async () => {
      const one = put('team/app', {}, { env: 'prod' });
      const two = put('team/app', { version: 2, createdAt: at(30), createdBy: 'ci:deploy', size: 7 });
      await apply({ secrets: [one] });
      await apply({ secrets: [two] });
      subject = await subject.reopen();
      expect(await storage().findSecret('team/app')).toEqual({
        path: 'team/app',
        id: 'sec_of_team/app',
        version: 2,
        tags: { env: 'prod' },
        createdAt: at(10),
        updatedAt: at(30),
        size: 7,
      });
      const versions = [one, two].map((change) => (change.kind === 'put' ? change.version : undefined));
      expect(await storage().findVersion('team/app', 1)).toEqual(versions[0]);
      expect(await storage().findVersion('team/app', 2)).toEqual(versions[1]);
      expect(await storage().findVersion('team/app')).toEqual(versions[1]);
      expect(await storage().listVersions('team/app', { limit: 9 })).toEqual([
        { path: 'team/app', version: 2, size: 7, createdAt: at(30), createdBy: 'ci:deploy' },
        { path: 'team/app', version: 1, size: 22, createdAt: at(10), createdBy: 'app:billing' },
      ]);
      expect(await storage().listVersions('team/app', { limit: 9, before: 2 })).toMatchObject([
        { version: 1 },
      ]);
      expect(await storage().listVersions('team/app', { limit: 1 })).toMatchObject([{ version: 2 }]);
    });

    it('knows nothing of what is not there', async () => {
      expect(await storage().findSecret('nowhere')).toBeUndefined();
      expect(await storage().findVersion('nowhere')).toBeUndefined();
      expect(await storage().findVersion('nowhere', 1)).toBeUndefined();
      expect(await storage().listVersions('nowhere', { limit: 9 })).toEqual([]);
      expect(await storage().findApiKey('0'.repeat(64))).toBeUndefined();
      expect(await storage().countSecrets()).toBe(0);
      expect(await storage().oldestUsage(at(9_999))).toBeUndefined();
    });

    it('replaces tags only where new ones are given', async () => {
      await apply({ secrets: [put('a', {}, { env: 'prod' })] });
      await apply({ secrets: [put('a', { version: 2 })] });
      expect(await storage().findSecret('a')).toMatchObject({ version: 2, tags: { env: 'prod' } });
      await apply({ secrets: [put('a', { version: 3 }, {})] });
      expect(await storage().findSecret('a')).toMatchObject({ version: 3, tags: {} });
    });

    it('holds a put to the version it expects: none for a new secret, exactly that one after', async () => {
      await apply({ secrets: [put('a')] });
      await expect(apply({ secrets: [put('a')] })).rejects.toEqual(conflict);
      await expect(apply({ secrets: [put('a', { version: 3 })] })).rejects.toEqual(conflict);
      await expect(apply({ secrets: [put('b', { version: 2 })] })).rejects.toEqual(conflict);
      const another = put('a', { version: 2, secretId: 'sec_of_another' });
      await expect(apply({ secrets: [another] })).rejects.toEqual(conflict);
      expect(await storage().countSecrets()).toBe(1);
      expect(await storage().listVersions('a', { limit: 9 })).toHaveLength(1);
    });

    it('deletes a secret with all its versions, at the version expected', async () => {
      await apply({ secrets: [put('a')] });
      await apply({ secrets: [put('a', { version: 2 })] });
      await expect(apply({ secrets: [{ kind: 'delete', path: 'a', expected: 1 }] })).rejects.toEqual(
        conflict,
      );
      await apply({ secrets: [{ kind: 'delete', path: 'a', expected: 2 }] });
      expect(await storage().findSecret('a')).toBeUndefined();
      expect(await storage().findVersion('a', 1)).toBeUndefined();
      await apply({ secrets: [put('a', { secretId: 'sec_again' })] });
      expect(await storage().listVersions('a', { limit: 9 })).toHaveLength(1);
    });

    it('lets each of many changes given at once stand or fall alone', async () => {
      const rivals = Array.from({ length: 8 }, (_, n) =>
        apply({ secrets: [put('a', { createdBy: `app:${n}` })] }),
      );
      const others = Array.from({ length: 8 }, (_, n) => apply({ secrets: [put(`b/${n}`)] }));
      const won = (await Promise.allSettled(rivals)).filter(({ status }) => status === 'fulfilled');
      expect(won).toHaveLength(1);
      await Promise.all(others);
      expect(await storage().countSecrets()).toBe(9);
    });

    it('keeps nothing at all of a change of which one part did not hold', async () => {
      subject.journal.identify({ orgId: 'org_1', agentId: 'agt_1', epoch: 1, prev: GENESIS_HASH });
      const change: Change = {
        keys: [{ kind: 'used', id: 'key-1', times: 2 }],
        secrets: [put('a'), { kind: 'delete', path: 'nowhere', expected: 1 }],
        apiKeys: [{ kind: 'add', key: apiKey('app:x') }],
        events: [event(1)],
        audit: [line()],
        usage: [usage()],
      };
      await expect(apply(change)).rejects.toEqual(conflict);
      expect(await storage().countSecrets()).toBe(0);
      expect(await storage().keys()).toMatchObject([{ encryptions: 0 }]);
      expect(await storage().listApiKeys()).toEqual([]);
      expect(subject.journal.pending(everything)).toEqual([]);
      expect(await storage().audit({ limit: 9 })).toEqual([]);
      expect(await storage().oldestUsage(at(9_999))).toBeUndefined();
    });

    it('journals events in the order the changes were given in', async () => {
      subject.journal.identify({ orgId: 'org_1', agentId: 'agt_1', epoch: 1, prev: GENESIS_HASH });
      await Promise.all([1, 2, 3].map((n) => apply({ events: [event(2 * n), event(2 * n + 1)] })));
      const versions = subject.journal.pending(everything).map(({ data }) => data['version']);
      expect(versions).toEqual([2, 3, 4, 5, 6, 7]);
    });

    describe('lists secrets', () => {
      const paths = ['team/a', 'team/a/x', 'team/a/y', 'team/ab', 'team/b', 'z'];
      const list = async (over: Partial<typeof page & { after: string }>) =>
        (await storage().listSecrets({ ...page, ...over })).map(({ path }) => path);

      beforeEach(() => apply({ secrets: paths.map((path) => put(path)) }));

      it('in the order of their paths, page by page', async () => {
        expect(await list({})).toEqual(paths);
        expect(await list({ limit: 2 })).toEqual(paths.slice(0, 2));
        expect(await list({ limit: 2, after: 'team/a/x' })).toEqual(paths.slice(2, 4));
        expect(await list({ after: 'z' })).toEqual([]);
      });

      it('that begin with a prefix', async () => {
        expect(await list({ prefix: 'team/a' })).toEqual(paths.slice(0, 4));
        expect(await list({ prefix: 'team/a/' })).toEqual(['team/a/x', 'team/a/y']);
        expect(await list({ prefix: 'nowhere' })).toEqual([]);
        expect(await list({ prefix: '%' })).toEqual([]);
      });

      it('that may be seen: whole segments count, and nothing is seen without a prefix', async () => {
        expect(await list({ visible: ['team/a'] })).toEqual(['team/a', 'team/a/x', 'team/a/y']);
        expect(await list({ visible: ['team/a/x', 'z'] })).toEqual(['team/a/x', 'z']);
        expect(await list({ visible: ['team/a'], prefix: 'team/ab' })).toEqual([]);
        expect(await list({ visible: [] })).toEqual([]);
      });
    });

    it('walks over current versions in the order of paths', async () => {
      const later = put('b', { version: 2 });
      await apply({ secrets: [put('a'), put('b'), put('c')] });
      await apply({ secrets: [later] });
      const walked = await storage().currentVersions({ limit: 2, maxSize: 99 });
      expect(walked.map(({ path, version: n }) => [path, n])).toEqual([
        ['a', 1],
        ['b', 2],
      ]);
      expect(walked[1]).toEqual(later.kind === 'put' ? later.version : undefined);
      expect(await storage().currentVersions({ limit: 9, after: 'b', maxSize: 99 })).toMatchObject([
        { path: 'c' },
      ]);
      await apply({ secrets: [put('d', { size: 100 }), put('e', { size: 99 })] });
      expect(await storage().currentVersions({ limit: 9, after: 'c', maxSize: 99 })).toMatchObject([
        { path: 'e' },
      ]);
    });

    it('remembers whether it was sealed', async () => {
      expect(await storage().lastSeal()).toBe('unsealed');
      await apply({ seal: 'sealed' });
      subject = await subject.reopen();
      expect(await storage().lastSeal()).toBe('sealed');
    });

    describe('keys', () => {
      it('come back in every field; one of a purpose is active, and only it counts and encrypts', async () => {
        const second = key(2, { encryptions: 4 });
        const names = key(1, { id: 'names-1', purpose: 'names' });
        await apply({ keys: [{ kind: 'activate', key: names }] });
        await apply({ keys: [{ kind: 'activate', key: second }] });
        subject = await subject.reopen();
        expect(await storage().keys()).toEqual([
          { ...key(1), wrapped: expect.any(Buffer), state: 'retired' },
          second,
          names,
        ]);
        await apply({ keys: [{ kind: 'used', id: 'key-2', times: 3 }] });
        expect(await storage().keys()).toMatchObject([{}, { id: 'key-2', encryptions: 7 }, {}]);
        await expect(apply({ keys: [{ kind: 'used', id: 'key-1', times: 1 }] })).rejects.toEqual(conflict);
      });

      it('are made once per version', async () => {
        await expect(apply({ keys: [{ kind: 'activate', key: key(1, { id: 'other' }) }] })).rejects.toEqual(
          conflict,
        );
        expect(await storage().keys()).toMatchObject([{ id: 'key-1', state: 'active' }]);
      });

      it('are destroyed only once retired and with nothing under them', async () => {
        await apply({ secrets: [put('a')] });
        const destroy = () => apply({ keys: [{ kind: 'destroy', id: 'key-1' }] });
        await expect(destroy()).rejects.toEqual(conflict);
        await apply({ keys: [{ kind: 'activate', key: key(2) }] });
        await expect(destroy()).rejects.toEqual(conflict);
        const under = version('a');
        await apply({ secrets: [{ ...under, kind: 'rewrap', underKey: 'key-1', keyId: 'key-2' }] });
        await destroy();
        expect(await storage().keys()).toMatchObject([{ id: 'key-2' }]);
        await expect(apply({ secrets: [put('b', { keyId: 'key-1' })] })).rejects.toEqual(conflict);
      });

      it('change around a value only where it is still the one that was read', async () => {
        const [one, two] = [version('a'), version('a', { version: 2 })];
        await apply({ secrets: [put('a'), put('b')] });
        await apply({ secrets: [put('a', { version: 2 })] });
        await apply({ keys: [{ kind: 'activate', key: key(2) }] });
        expect(await storage().versionsNotUnder('key-1', 9)).toEqual([]);
        expect(await storage().versionsNotUnder('key-2', 9)).toHaveLength(3);
        expect(await storage().versionsNotUnder('key-2', 2)).toHaveLength(2);
        const envelope = Buffer.from('another');
        const rewrap = { ...one, kind: 'rewrap', underKey: 'key-1', keyId: 'key-2', envelope } as const;
        await apply({ secrets: [rewrap] });
        await expect(apply({ secrets: [rewrap] })).rejects.toEqual(conflict);
        const stranger = { ...two, ...rewrap, version: 2, secretId: 'sec_of_another' } as const;
        await expect(apply({ secrets: [stranger] })).rejects.toEqual(conflict);
        expect(await storage().findVersion('a', 1)).toMatchObject({ keyId: 'key-2', envelope, size: 22 });
        expect(await storage().findVersion('a', 2)).toMatchObject({ keyId: 'key-1' });
        expect(await storage().findSecret('a')).toMatchObject({ version: 2 });
      });
    });

    it('finds API keys by their hash, lists them, and removes them by id', async () => {
      const [one, other] = [apiKey('app:one'), apiKey('app:other')];
      await apply({ apiKeys: [{ kind: 'add', key: one }] });
      await apply({ apiKeys: [{ kind: 'add', key: other }] });
      await expect(apply({ apiKeys: [{ kind: 'add', key: one }] })).rejects.toEqual(conflict);
      expect(await storage().findApiKey(one.hash)).toEqual(one);
      expect((await storage().listApiKeys()).map(({ principal }) => principal).sort()).toEqual([
        'app:one',
        'app:other',
      ]);
      await apply({ apiKeys: [{ kind: 'remove', id: one.id }] });
      await expect(apply({ apiKeys: [{ kind: 'remove', id: one.id }] })).rejects.toEqual(conflict);
      expect(await storage().findApiKey(one.hash)).toBeUndefined();
    });

    describe('audit', () => {
      it('chains its lines in the order they were given in, newest first when asked', async () => {
        await Promise.all(
          [1, 2, 3].map((n) => apply({ audit: [line({ version: 2 * n }), line({ version: 2 * n + 1 })] })),
        );
        subject = await subject.reopen();
        await apply({
          audit: [line({ version: 8, path: null, address: null, client: null, code: 'auth.forbidden' })],
        });
        const entries = await storage().audit({ limit: 99 });
        expect(entries.map(({ version: n }) => n)).toEqual([8, 7, 6, 5, 4, 3, 2]);
        expect(entries[1]).toEqual({
          ...line({ version: 7 }),
          seq: 6,
          prev: entries[2]?.hash,
          hash: entries[1]?.hash,
        });
        expect(verifyChain(entries.reverse(), { seq: 0, hash: GENESIS_HASH })).toMatchObject({
          intact: true,
          seq: 7,
        });
      });

      it('keeps how many lines one stands for, in the chain as well', async () => {
        await apply({ audit: [line(), line({ leftOut: 7 }), line()] });
        subject = await subject.reopen();
        const entries = (await storage().audit({ limit: 9 })).reverse();
        expect(entries.map(({ leftOut }) => leftOut)).toEqual([undefined, 7, undefined]);
        expect(verifyChain(entries, { seq: 0, hash: GENESIS_HASH })).toMatchObject({ intact: true });
      });

      it('is found by time, principal, action, outcome and path', async () => {
        const audit = [
          line({ at: at(1), path: 'team/a', principal: 'app:one', action: 'create' }),
          line({ at: at(2), path: 'team/a/x', outcome: 'denied' }),
          line({ at: at(3), path: 'team/ab', outcome: 'denied' }),
          line({ at: at(4), path: null, action: 'list' }),
        ];
        await apply({ audit });
        const find = async (query: object) =>
          (await storage().audit({ limit: 99, ...query })).map(({ seq }) => seq).reverse();
        expect(await find({ from: at(2), to: at(4) })).toEqual([2, 3]);
        expect(await find({ principal: 'app:one' })).toEqual([1]);
        expect(await find({ action: 'list' })).toEqual([4]);
        expect(await find({ outcome: 'denied', path: 'team/a' })).toEqual([2]);
        expect(await find({ path: 'team/a' })).toEqual([1, 2]);
        expect(await find({ beforeSeq: 3 })).toEqual([1, 2]);
        expect(await find({ limit: 1, beforeSeq: 3 })).toEqual([2]);
      });

      it('goes on from its last line after older ones were dropped, by age and by number', async () => {
        await apply({ audit: [1, 2, 3, 4, 5].map((n) => line({ at: at(n), version: n })) });
        const before = await storage().audit({ limit: 99 });
        expect(await storage().retain({ before: at(3), lines: 99 })).toBe(2);
        expect(await storage().retain({ before: at(0), lines: 2 })).toBe(1);
        expect(await storage().audit({ limit: 99 })).toEqual(before.slice(0, 2));
        expect(await storage().retain({ before: at(99), lines: 99 })).toBe(2);
        await apply({ audit: [line()] });
        expect(await storage().audit({ limit: 99 })).toMatchObject([{ seq: 6, prev: before[0]?.hash }]);
      });
    });

    describe('usage', () => {
      it('adds up by minute and class, and gives the oldest minute first', async () => {
        const later = usage({}, 2, at(60));
        await Promise.all([
          apply({ usage: [later, usage()] }),
          apply({ usage: [usage(), usage({ action: 'list' }, 5)] }),
        ]);
        await apply({ usage: [usage({}, 3)] });
        expect(await storage().oldestUsage(at(0))).toBeUndefined();
        const minute = await storage().oldestUsage(at(999));
        expect(minute).toMatchObject({ minute: at(0), parts: 0 });
        expect(minute?.rows).toEqual(expect.arrayContaining([usage({}, 5), usage({ action: 'list' }, 5)]));
        expect(minute?.rows).toHaveLength(2);
      });

      it('takes out exactly what was reported, and remembers how many parts that made', async () => {
        await apply({ usage: [usage({}, 5), usage({ action: 'list' }, 1)] });
        const read = await storage().oldestUsage(at(999));
        await apply({ usage: [usage({}, 2)] });
        const rows = read?.rows ?? [];
        await apply({ reported: { minute: at(0), parts: 2, rows } });
        expect(await storage().oldestUsage(at(999))).toEqual({
          minute: at(0),
          parts: 2,
          rows: [usage({}, 2)],
        });
        await apply({ reported: { minute: at(0), parts: 1, rows: [usage({}, 2)] } });
        expect(await storage().oldestUsage(at(999))).toBeUndefined();
      });

      it('knows on how many days of a time there was something to report, until that is too old', async () => {
        const day = (n: number) => `2026-01-0${n}T00:00:00.000Z`;
        for (const minute of [day(1), '2026-01-01T23:59:00.000Z', day(3), day(4)])
          await apply({ reported: { minute, parts: 1, rows: [] } });
        expect(await storage().daysReported(day(1), day(4))).toBe(2);
        expect(await storage().daysReported(day(2), day(5))).toBe(2);
        await storage().retain({ before: day(3), lines: 99 });
        expect(await storage().daysReported(day(1), day(5))).toBe(2);
      });
    });
  });
}
