import { KeyfleetError } from '@keyfleet/kernel';
import { CommandKey } from './command-key.js';

/** Answers with these keys in turn; where there is none, no registry answers. */
const looks = async (...keys: readonly (string | undefined)[]) => {
  const answers = [...keys];
  const commandKey = new CommandKey({
    sign: async () => {
      const key = answers.shift();
      if (key === undefined) throw new KeyfleetError('service.unavailable');
      return { key, signatures: ['signature'] };
    },
  });
  const seen: (string | undefined)[] = [];
  for (const _ of keys) seen.push(await commandKey.look());
  return seen;
};

describe('the key that signs', () => {
  it('counts once it answered twice in a row, so that registries that disagree change nothing', async () => {
    expect(await looks('old', 'old', 'new', 'old', 'new', 'new', 'new')).toEqual([
      ...[undefined, 'old', undefined, undefined, undefined, 'new', 'new'],
    ]);
  });

  it('is not known where no registry answers, and what was known before stays so', async () => {
    expect(await looks('old', undefined, 'old')).toEqual([undefined, undefined, 'old']);
  });
});
