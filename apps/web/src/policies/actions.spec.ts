import { POLICY_ACTIONS } from '@keyfleet/contracts';
import { ACTIONS } from './actions';

it('the editor offers every action of the contract', () => {
  expect(ACTIONS).toEqual(POLICY_ACTIONS);
});
