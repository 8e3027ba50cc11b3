import fc from 'fast-check';
import { expression } from '../testing/arbitraries.js';
import { fromBuilder, toBuilder } from './builder.js';
import { describeCondition } from './english.js';
import { parseCondition } from './parse.js';
import { printCondition } from './print.js';

describe('the visual editor', () => {
  it('U6: shows every condition and gives it back unchanged, through CEL and through what a browser can send', () => {
    fc.assert(
      fc.property(expression, (one) => {
        const tree = JSON.parse(JSON.stringify(toBuilder(parseCondition(printCondition(one))))) as ReturnType<
          typeof toBuilder
        >;
        expect(fromBuilder(tree)).toEqual(one);
        expect(parseCondition(printCondition(fromBuilder(tree)))).toEqual(one);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes an empty group as no condition', () => {
    expect(fromBuilder({ combinator: 'and', rules: [] })).toEqual({ kind: 'always', value: true });
  });

  it('refuses a rule that says nothing', () => {
    expect(() => fromBuilder({ field: 'colour', operator: '=', value: 'red' })).toThrow(TypeError);
    expect(() => fromBuilder({ field: 'principal', operator: '<', value: 'x' })).toThrow(TypeError);
  });
});

describe('plain English', () => {
  it.each([
    ['"ops" in groups', 'the caller is in the group ops'],
    ['principal != "app:a"', 'the caller is not “app:a”'],
    ['tags.env in ["dev", "test"]', "the secret's tag env is “dev” or “test”"],
    [
      '!(secondFactor && address.inNetwork("10.0.0.0/8"))',
      'no second factor was given or the request does not come from 10.0.0.0/8',
    ],
    [
      'time.getDayOfWeek("Europe/Zurich") in [1, 2, 3, 4, 5] && !(time.timeOfDay("Europe/Zurich") < "08:00")',
      'it is a day from Monday to Friday in Europe/Zurich and the clock in Europe/Zurich shows at least 08:00',
    ],
    [
      'reason == "" || client.startsWith("curl/")',
      'the reason given is empty or the client program begins with “curl/”',
    ],
    [
      'secondFactor && (reason != "" || "ops" in groups)',
      'a second factor was given and (the reason given is not empty or the caller is in the group ops)',
    ],
  ])('%s', (text, expected) => {
    expect(describeCondition(parseCondition(text))).toBe(expected);
  });
});
