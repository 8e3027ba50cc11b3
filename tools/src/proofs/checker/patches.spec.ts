import { MUTANTS } from './mutants.js';
import { applyPatch, patched } from './tree.js';

it.each(MUTANTS)('the planted bug $name fits the sources as they are', ({ patches }) => {
  for (const [file, text] of patched(process.cwd(), patches))
    expect({ file, changed: text.length > 0 }).toEqual({ file, changed: true });
});

it('says so where a planted bug has no place, or more than one', () => {
  const patch = { file: 'a.ts', find: 'x', put: 'y' };
  expect(applyPatch('a x b', patch)).toBe('a y b');
  expect(() => applyPatch('a b', patch)).toThrow('does not fit a.ts any more: its place is there 0 times');
  expect(() => applyPatch('x x', patch)).toThrow('2 times');
});
