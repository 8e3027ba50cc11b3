import { type Lease, type LeaseOptions, releaseLease, renewLease, TTL_MS } from './lease.js';

/**
 * Works while the lease is renewed, and gives it back afterwards. `lost` aborts where it went to another holder; what is
 * written meanwhile has to be fenced, for that may be noticed late.
 */
export async function holdLease<T>(
  leasing: LeaseOptions,
  lease: Lease,
  work: (lost: AbortSignal) => Promise<T>,
  renewEveryMs = (leasing.ttlMs ?? TTL_MS) / 3,
): Promise<T> {
  const lost = new AbortController();
  const renewing = setInterval(() => {
    // Where the database does not answer, whether it is still ours is not known; the fence decides.
    renewLease(leasing, lease).then(
      (kept) => kept || lost.abort(),
      () => undefined,
    );
  }, renewEveryMs);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(renewing);
    await releaseLease(leasing, lease).catch(() => undefined);
  }
}
