import { notShown } from './not-shown';

it('repro-cut-off: an answer that is not all there is says how much is left out', () => {
  expect(notShown(1)).toBe('One more statement allows this and is not shown.');
  expect(notShown(12)).toBe('12 more statements allow this and are not shown.');
});
