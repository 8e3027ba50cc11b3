import type { QueryClient, QueryKey } from '@tanstack/react-query';

export interface Renewals {
  /** Reads again what is on screen under a key. */
  readonly renew: (key: QueryKey) => void;
  /** Says of what stands under a key that it may be out of date, and reads nothing. */
  readonly outdate: (key: QueryKey) => void;
}

const PAUSE_MS = 500;

/**
 * An answer that is on its way is waited for, however many notices come meanwhile: whatever is asked anew with each is
 * never answered where notices come faster than answers. Such an answer may be older than its last notice, so it is
 * asked for once more after it.
 */
export function createRenewals(
  client: QueryClient,
  pause = () => new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS)),
): Renewals {
  /** By key, while one is renewed: whether there is a notice that its answer may not know of. */
  const underWay = new Map<string, boolean>();
  const run = async (queryKey: QueryKey, id: string) => {
    do {
      underWay.set(id, client.isFetching({ queryKey }) > 0);
      await client.invalidateQueries({ queryKey }, { cancelRefetch: false });
      await pause();
    } while (underWay.get(id));
    underWay.delete(id);
  };
  const outdated = (queryKey: QueryKey) => client.invalidateQueries({ queryKey, refetchType: 'none' });
  return {
    renew: (key) => {
      const id = JSON.stringify(key);
      if (underWay.has(id)) underWay.set(id, true);
      else void run(key, id);
    },
    outdate: async (queryKey) => {
      await outdated(queryKey);
      if (client.isFetching({ queryKey }) === 0) return;
      await client.refetchQueries({ queryKey, fetchStatus: 'fetching' }, { cancelRefetch: false });
      await outdated(queryKey);
    },
  };
}
