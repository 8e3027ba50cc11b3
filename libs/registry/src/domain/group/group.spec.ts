import { deciderSpec } from '@keyfleet/testing';
import { group } from './decide.js';
import type { GroupEvent } from './group.js';

const given = deciderSpec(group);
const terms = {
  groupId: 'grp_1',
  name: 'Production',
  selector: 'labels.env = "prod"',
  offlineAfterSeconds: null,
};
const defined: GroupEvent = { type: 'GroupDefined', v: 1, data: terms };
const removed: GroupEvent = { type: 'GroupRemoved', v: 1, data: { groupId: 'grp_1' } };
const define = { type: 'DefineGroup', ...terms, existing: false } as const;

describe('a group', () => {
  it('is defined, and defined anew only where it exists', () => {
    given().when(define).then(defined);
    given(defined).when(define).thenRefused('resource.exists');
    given()
      .when({ ...define, existing: true })
      .thenRefused('resource.not-found');
    given(defined)
      .when({ ...define, existing: true, offlineAfterSeconds: 120 })
      .then({ ...defined, data: { ...terms, offlineAfterSeconds: 120 } } as GroupEvent);
  });

  it('gets no fact for the same terms', () => {
    given(defined)
      .when({ ...define, existing: true })
      .thenNothing();
  });

  it('is removed once and does not come back under its id', () => {
    given(defined).when({ type: 'RemoveGroup' }).then(removed);
    given(defined, removed).when({ type: 'RemoveGroup' }).thenRefused('resource.not-found');
    given(defined, removed)
      .when({ ...define, existing: true })
      .thenRefused('resource.not-found');
    given().when({ type: 'RemoveGroup' }).thenRefused('resource.not-found');
  });
});
