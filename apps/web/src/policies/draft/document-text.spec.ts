import { policyDocument } from '@keyfleet/contracts';
import { printPolicyText, readPolicyText, TEMPLATES } from '@keyfleet/policy-engine';
import fc from 'fast-check';
import { formOf, freshId, offsetOf, placeOf, printStatements, readStatements } from './document-text';

const names = fc.string({ maxLength: 12 });
const statement = fc.record(
  {
    id: names,
    effect: fc.constantFrom('allow', 'deny'),
    principals: fc.array(names, { maxLength: 3 }),
    actions: fc.array(names, { maxLength: 3 }),
    resources: fc.array(names, { maxLength: 3 }),
    condition: fc.string({ minLength: 1, maxLength: 60 }),
  },
  { requiredKeys: ['id', 'effect', 'principals', 'actions', 'resources'] },
);

describe('a policy as text and as a form', () => {
  it('prints what it shows in the very words of the service', () => {
    for (const template of TEMPLATES) {
      const document = template.make({});
      for (const form of ['yaml', 'json'] as const)
        expect(printStatements(document.statements, form)).toBe(printPolicyText(document, form));
    }
  });

  it('gives every statement back as it was, also one that may not be saved yet', () => {
    fc.assert(
      fc.property(
        fc.array(statement, { maxLength: 4 }),
        fc.constantFrom('yaml', 'json'),
        (statements, form) => {
          const filled = statements.map((one, index) => ({ ...one, id: `${one.id}${index}` }));
          expect(readStatements(printStatements(filled, form))).toEqual(filled);
        },
      ),
    );
  });

  it('agrees with the service on what a text says', () => {
    const text =
      'statements:\n  - id: a\n    effect: deny\n    principals: ["*"]\n    actions: [read]\n    resources: ["**"]\n';
    expect(readStatements(text)).toEqual(readPolicyText(text).document?.statements);
    expect(policyDocument.safeParse({ statements: readStatements(text) }).success).toBe(true);
  });

  it.each([
    ['an unknown field of a statement', 'statements: [{ id: a, colour: red }]'],
    ['an unknown field beside the statements', 'name: x\nstatements: []'],
    ['a list that is none', 'statements: [{ id: a, principals: ops }]'],
    ['a number where a text belongs', 'statements: [{ id: 7 }]'],
    ['an alias', 'statements: [&a { id: a }, *a]'],
    ['a syntax error', 'statements: [{ id: a'],
    ['nothing', ''],
  ])('does not pretend to show %s', (_, text) => {
    expect(readStatements(text)).toBeNull();
  });

  it('knows JSON from YAML, and finds names that are free', () => {
    expect(formOf(' {"statements":[]}')).toBe('json');
    expect(formOf('statements: []')).toBe('yaml');
    const taken = { id: 'statement-2', effect: 'allow', principals: [], actions: [], resources: [] };
    expect(freshId([taken])).toBe('statement-3');
  });

  it('finds the place of a problem in the text and in the form', () => {
    expect(offsetOf('ab\ncd\n', 2, 2)).toBe(4);
    expect(offsetOf('ab', 9, 9)).toBe(2);
    expect(placeOf('/statements/3/principals/0')).toEqual({ index: 3, field: 'principals' });
    expect(placeOf('/statements/0')).toEqual({ index: 0, field: '' });
    expect(placeOf('')).toBeUndefined();
  });
});
