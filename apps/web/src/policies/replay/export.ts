import type { PolicyReplay } from '@keyfleet/contracts/http';
import { toCsv } from '../../lists/csv';

/** What the button that exports a replay is called: it says where the file does not have all of it. */
export function exportName({ flips, more }: Pick<PolicyReplay, 'flips' | 'more'>): string {
  return more === 0 ? 'Export CSV' : `Export CSV of the first ${flips.length} of ${flips.length + more}`;
}

/** One row for each kind of request; the last one says what is left out, where anything is. */
export function replayCsv({ flips, more }: Pick<PolicyReplay, 'flips' | 'more'>): string {
  const rows: Record<string, unknown>[] = flips.map(({ by, ...flip }) => ({
    ...flip,
    by: by ? `${by.policyId}/${by.statement}` : '',
  }));
  if (more > 0) rows.push({ from: `${more} more kinds of requests are not in this file` });
  return toCsv(rows);
}
