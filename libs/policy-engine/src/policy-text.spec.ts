import fc from 'fast-check';
import { printPolicyText, readPolicyText } from './policy-text.js';
import { statements } from './testing/arbitraries.js';

const GOOD = `
statements:
  - id: read-own
    effect: allow
    principals: [app:billing, "@ops"]
    actions: [read, list]
    resources: [team/billing/**]
    condition: address.inNetwork("10.0.0.0/8")
`;
const problemsOf = (text: string) =>
  readPolicyText(text).problems.map(
    ({ code, pointer, line, column }) => `${code} ${pointer} ${line}:${column}`,
  );

describe('the text of a policy', () => {
  it('is YAML or JSON, and says the same either way', () => {
    const { document } = readPolicyText(GOOD);
    expect(document?.statements[0]).toMatchObject({ id: 'read-own', principals: ['app:billing', '@ops'] });
    for (const form of ['yaml', 'json'] as const)
      expect(document && readPolicyText(printPolicyText(document, form)).document).toEqual(document);
  });

  it('comes back from both forms as it was, whatever it says', () => {
    fc.assert(
      fc.property(
        statements.filter((all) => all.length > 0),
        fc.constantFrom('yaml' as const, 'json' as const),
        (all, form) => {
          const printed = printPolicyText({ statements: all }, form);
          expect(readPolicyText(printed)).toEqual({
            document: JSON.parse(JSON.stringify({ statements: all })),
            problems: [],
          });
          expect(printPolicyText({ statements: all }, form)).toBe(printed);
        },
      ),
    );
  });

  it.each([
    ['unclosed', 'statements: [', ['syntax  1:14']],
    ['twice the same key', `${GOOD}    effect: deny\n`, ['syntax  9:5']],
    [
      'an unknown key',
      GOOD.replace('effect:', 'efect:'),
      ['schema /statements/0/effect 3:5', 'schema /statements/0 3:5'],
    ],
    ['an unknown action', GOOD.replace('read, list', 'read, lst'), ['schema /statements/0/actions/1 6:21']],
    [
      'a path that climbs',
      GOOD.replace('team/billing/**', '../etc'),
      ['schema /statements/0/resources/0 7:17'],
    ],
    [
      'a condition that is none',
      GOOD.replace('address.in', 'adress.in'),
      ['unknown-name /statements/0/condition 8:16'],
    ],
    ['no policy at all', 'hello', ['schema  1:1']],
    ['nothing', '', ['schema  1:1']],
    ['an alias', 'statements: &a [*a]', ['syntax  1:1']],
  ])('%s is named at its place', (_, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  it('is not expanded beyond what was written', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const [at, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg', 'ih'].map((pair) => [...pair]))
      bomb.push(`${at}: &${at} [${Array(9).fill(`*${of}`).join(', ')}]`);
    expect(problemsOf(bomb.join('\n'))).toEqual(['syntax  1:1']);
    expect(problemsOf('a'.repeat(1_000_001))).toEqual(['too-complex  1:1']);
    expect(readPolicyText(`${'['.repeat(50_000)}`).document).toBeNull();
  });
});
