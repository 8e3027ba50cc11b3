import { ALPHABETS, type Alphabet, generateValue } from './generate.js';

describe('a generated value', () => {
  it.each(Object.keys(ALPHABETS) as Alphabet[])(
    'has the length asked for and only letters of %s',
    (alphabet) => {
      for (const length of [1, 8, 33, 4_096]) {
        const value = generateValue(length, alphabet).toString();
        expect(value).toHaveLength(length);
        expect([...value].every((letter) => ALPHABETS[alphabet].includes(letter))).toBe(true);
      }
    },
  );

  it.each(Object.keys(ALPHABETS) as Alphabet[])(
    'has every letter of %s as often as any other',
    (alphabet) => {
      const letters = ALPHABETS[alphabet];
      const draws = 400_000;
      const counts = new Map<number, number>();
      for (const byte of generateValue(draws, alphabet)) counts.set(byte, (counts.get(byte) ?? 0) + 1);
      const expected = draws / letters.length;
      let chiSquare = 0;
      for (const letter of letters)
        chiSquare += ((counts.get(letter.charCodeAt(0)) ?? 0) - expected) ** 2 / expected;
      const freedom = letters.length - 1;
      // Six standard deviations: a fair draw is beyond it once in a billion runs, a plain modulo always.
      expect(chiSquare).toBeLessThan(freedom + 6 * Math.sqrt(2 * freedom));
    },
  );

  it('is never the same twice', () => {
    const seen = new Set(Array.from({ length: 2_000 }, () => generateValue(16, 'hex').toString()));
    expect(seen.size).toBe(2_000);
  });
});
