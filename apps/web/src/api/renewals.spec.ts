import { waitFor } from '@keyfleet/testing';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { agentPoliciesQuery, policyQuery, versionsQuery, whoCanQuery } from '../policies/policy-api';
import { effectsOf } from './notices';
import { createRenewals } from './renewals';

const KEY = ['policies', 'acme', 'agents'];
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A page that shows one query, whose answers come when they are told to. */
function shown(key: readonly string[], staleTime = 0) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const answers: ((value: number) => void)[] = [];
  const observer = new QueryObserver<number>(client, {
    ...{ queryKey: key, staleTime },
    queryFn: () => new Promise<number>((resolve) => answers.push(resolve)),
  });
  const leave = observer.subscribe(() => undefined);
  const answer = async (value: number) => {
    const asked = answers.length;
    answers[asked - 1]?.(value);
    await waitFor(() => client.getQueryData(key) === value);
    await settled();
  };
  const pauses: (() => void)[] = [];
  const pause = () => new Promise<void>((resolve) => pauses.push(resolve));
  const over = async () => {
    pauses.shift()?.();
    await settled();
  };
  return {
    ...{ client, observer, answer, over, renewals: createRenewals(client, pause) },
    asked: () => answers.length,
    leave: () => {
      leave();
      client.clear();
    },
  };
}

describe('reading again what notices are about', () => {
  it('repro-notices: waits for an answer under way however many notices come, and asks once more after them', async () => {
    const page = shown(KEY);
    await page.answer(1);
    for (let n = 0; n < 50; n += 1) page.renewals.renew(KEY);
    expect(page.asked()).toBe(2);
    await page.answer(2);
    expect(page.asked()).toBe(2);
    await page.over();
    expect(page.asked()).toBe(3);
    await page.answer(3);
    await page.over();
    expect([page.asked(), page.observer.getCurrentResult().data]).toEqual([3, 3]);
    page.renewals.renew(KEY);
    expect(page.asked()).toBe(4);
    page.leave();
  });

  it('asks once more where the answer under way was asked for before the notice', async () => {
    const page = shown(KEY);
    page.renewals.renew(KEY);
    expect(page.asked()).toBe(1);
    await page.answer(1);
    await page.over();
    expect(page.asked()).toBe(2);
    await page.answer(2);
    await page.over();
    expect(page.asked()).toBe(2);
    page.leave();
  });

  it('repro-notices: never asks by itself what is dear to answer, and calls its answer outdated', async () => {
    const key = whoCanQuery('acme', { path: 'team/app' }).queryKey;
    const page = shown(key, Number.POSITIVE_INFINITY);
    await page.answer(1);
    expect(page.observer.getCurrentResult().isStale).toBe(false);
    const { outdate } = effectsOf('acme', { reset: false, readModels: ['policy.policies'], agents: [] });
    outdate.forEach(page.renewals.outdate);
    await settled();
    expect([page.asked(), page.observer.getCurrentResult().isStale]).toEqual([1, true]);
    void page.observer.refetch();
    await page.answer(2);
    expect(page.observer.getCurrentResult().isStale).toBe(false);
    page.leave();
  });

  it('calls an answer outdated that was under way when the notice came', async () => {
    const key = whoCanQuery('acme', {}).queryKey;
    const page = shown(key, Number.POSITIVE_INFINITY);
    await page.answer(1);
    void page.observer.refetch();
    page.renewals.outdate(key);
    await page.answer(2);
    expect([page.asked(), page.observer.getCurrentResult().isStale]).toEqual([2, true]);
    page.leave();
  });
});

describe('the pages about policies', () => {
  it.each([
    ['policy.policies', ['versions', 'one', 'agents'], ['who-can']],
    ['policy.agent-reports', ['agents'], []],
    ['policy.desired', ['agents'], []],
  ])(
    'are read again, or called outdated, by a notice of %s as far as it touches them',
    (name, renewed, outdated) => {
      const queries = {
        versions: versionsQuery('acme', 'pol_1').queryKey,
        one: policyQuery('acme', 'pol_1').queryKey,
        agents: agentPoliciesQuery('acme', {}).queryKey,
        'who-can': whoCanQuery('acme', {}).queryKey,
        foreign: policyQuery('globex', 'pol_1').queryKey,
      };
      const { renew, outdate } = effectsOf('acme', { reset: false, readModels: [name], agents: [] });
      const under = (keys: readonly (readonly unknown[])[]) =>
        Object.entries(queries)
          .filter(([, query]) => keys.some((key) => key.every((part, at) => query[at] === part)))
          .map(([of]) => of);
      expect([under(renew), under(outdate)]).toEqual([renewed, outdated]);
    },
  );
});
