import type { PolicyReplay } from '@keyfleet/contracts/http';
import { exportName, replayCsv } from './export';

const flip: PolicyReplay['flips'][number] = {
  ...{ from: 'allowed', to: 'denied', principal: 'app:a', action: 'read', path: 'a/b', agents: 1 },
  ...{ requests: 9, by: { policyId: 'pol_1', version: 2, statement: 'one' } },
};

describe('a replay as a file', () => {
  it('has a row for each kind of request', () => {
    expect(exportName({ flips: [flip], more: 0 })).toBe('Export CSV');
    expect(
      replayCsv({ flips: [flip, { ...flip, by: null }], more: 0 })
        .trimEnd()
        .split('\r\n'),
    ).toEqual([
      'from,to,principal,action,path,agents,requests,by',
      'allowed,denied,app:a,read,a/b,1,9,pol_1/one',
      'allowed,denied,app:a,read,a/b,1,9,',
    ]);
  });

  it('repro-cut-off: says in its last row and on its button what it does not have', () => {
    const outcome = { flips: [flip, flip], more: 5_000 };
    expect(exportName(outcome)).toBe('Export CSV of the first 2 of 5002');
    const rows = replayCsv(outcome).trimEnd().split('\r\n');
    expect([rows.length, rows.at(-1)]).toEqual([
      4,
      '5000 more kinds of requests are not in this file,,,,,,,',
    ]);
  });
});
