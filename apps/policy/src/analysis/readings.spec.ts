import type { PolicyStatement } from '@keyfleet/contracts';
import { readingOf } from './readings.js';

const statement: PolicyStatement = {
  ...{ id: 'one', effect: 'allow', principals: ['app:a'], actions: ['read'], resources: ['team/db'] },
};

describe('a statement in plain English', () => {
  it.each<[Partial<PolicyStatement>, string]>([
    [{}, 'Allows app:a to read team/db.'],
    [{ effect: 'deny', principals: ['*'] }, 'Denies everybody to read team/db.'],
    [
      { principals: ['@ops', 'ci:*'], actions: ['read', 'list', 'read'], resources: ['team/**', '**'] },
      'Allows members of ops and whoever is called ci:* to read and list everything below team/ and every secret.',
    ],
    [{ actions: ['*'], resources: ['@vault'] }, 'Allows app:a to do anything with the vault as a whole.'],
    [
      { actions: ['rotate', 'versions', 'backup'] },
      'Allows app:a to rotate, see the versions of and back up team/db.',
    ],
    [{ condition: 'secondFactor' }, 'Allows app:a to read team/db, when a second factor was given.'],
  ])('%j', (changed, expected) => {
    expect(readingOf({ ...statement, ...changed })).toBe(expected);
  });
});
