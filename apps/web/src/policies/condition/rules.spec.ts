import { parseCondition, printCondition } from '@keyfleet/policy-engine';
import {
  beginningOf,
  conditionOf,
  FIELDS,
  inWords,
  operatorsOf,
  sameCondition,
  tidied,
  treeOf,
  valueKind,
} from './rules';

const ZONE = 'Europe/Zurich';
const NOW = Date.parse('2026-11-21T10:00:42.000Z');

const CONDITIONS = [
  'secondFactor',
  '!secondFactor && reason != ""',
  '"ops" in groups || !("night" in groups)',
  'principal in ["app:a", "app:b"] && !(method in ["key", "token"])',
  'tags["env"] == "prod" && tags["tier"].startsWith("a")',
  '"env" in tags && !("legacy" in tags)',
  'address.inNetwork("10.0.0.0/8") && !address.inNetwork("10.1.0.0/16")',
  '!(time.getDayOfWeek("Europe/Zurich") in [1, 2, 3, 4, 5] && time.timeOfDay("Europe/Zurich") >= "08:00")',
  'time < timestamp("2027-01-01T00:00:00.000Z")',
  'true',
];

describe('the condition editor', () => {
  it.each(CONDITIONS)('shows and gives back %s', (text) => {
    const { tree } = treeOf(text);
    if (!tree) throw new Error('not shown');
    const sent = JSON.parse(JSON.stringify(tidied(tree, ZONE, NOW))) as typeof tree;
    const { condition, problem } = conditionOf(sent);
    expect(problem).toBeNull();
    expect(condition).toBe(printCondition(parseCondition(text)));
    expect(sameCondition(condition ?? undefined, text)).toBe(true);
  });

  it('gives every field and operator something to begin with that can be written down', () => {
    for (const { name } of FIELDS)
      for (const operator of operatorsOf(name)) {
        const rule = { field: name === 'tags.' ? 'tags.env' : name, operator: operator.name, value: null };
        const tree = tidied({ combinator: 'and', rules: [rule] }, ZONE, NOW);
        expect(conditionOf(tree).condition).not.toBeNull();
        // Groups, tags, networks and lists are for a person to fill in; all else is right as it begins.
        const kind = valueKind(rule.field, operator.name);
        const begun = beginningOf(kind, ZONE, NOW);
        if (begun !== '' && !(Array.isArray(begun) && begun.length === 0))
          expect({ name, problem: conditionOf(tree).problem }).toEqual({ name, problem: null });
      }
  });

  it('keeps what was entered where another operator can still use it', () => {
    const tidy = (rule: { field: string; operator: string; value: unknown }) =>
      tidied({ combinator: 'and', rules: [rule] }, ZONE, NOW).rules[0];
    expect(tidy({ field: 'client', operator: 'in', value: 'curl' })).toMatchObject({ value: ['curl'] });
    expect(tidy({ field: 'client', operator: '=', value: ['curl', 'x'] })).toMatchObject({ value: 'curl' });
    expect(tidy({ field: 'weekday', operator: 'contains', value: 'curl' })).toEqual({
      field: 'weekday',
      operator: 'in',
      value: { zone: ZONE, value: [1, 2, 3, 4, 5] },
    });
  });

  it('says what is wrong instead of writing nonsense', () => {
    const shown = treeOf('prinzipal == "x"');
    expect(shown.tree).toBeNull();
    expect(shown.problem).toMatch(/did you mean principal.*line 1, column 1/);
  });

  it('names a value that is missing, and waits for one it cannot write', () => {
    const network = { field: 'address', operator: 'inNetwork', value: '10.0.0.0/99' };
    expect(conditionOf({ combinator: 'and', rules: [network] }).problem).not.toBeNull();
    const clock = { field: 'timeOfDay', operator: '<', value: { zone: ZONE, value: '8 o’clock' } };
    expect(conditionOf({ combinator: 'and', rules: [clock] })).toMatchObject({ condition: null });
    expect(conditionOf({ combinator: 'and', rules: [] })).toEqual({ condition: undefined, problem: null });
  });

  it('reads a condition out', () => {
    expect(inWords(undefined)).toBe('always');
    expect(inWords('secondFactor')).toBe('when a second factor was given');
    expect(inWords('secondFactor &&')).toBeNull();
  });
});
