import { z } from 'zod';
import { classify, open, secret, secretFields, sensitive } from './classification.js';
import { defineEvent, EVENT_CATALOGUE } from './events/index.js';

describe('classification', () => {
  it('takes what is not classified for a secret', () => {
    expect(secretFields(z.strictObject({ a: open(z.string()), b: z.string() }))).toEqual(['/b']);
  });

  it('looks through arrays, records, unions and optionals, and lets the stricter option hold', () => {
    const schema = z.strictObject({
      list: z.array(z.strictObject({ x: open(z.string()) })),
      map: z.record(open(z.string()), z.string()),
      either: z.union([open(z.string()), secret(z.number())]).optional(),
      inside: sensitive(z.strictObject({ y: z.string() })),
    });
    expect(Object.fromEntries(classify(schema))).toEqual({
      '/list/*/x': 'public',
      '/map/{key}': 'public',
      '/map/{value}': 'secret',
      '/either': 'secret',
      '/inside/y': 'sensitive',
    });
  });

  it('S18: refuses to declare an event with a secret or unclassified field', () => {
    expect(() => defineEvent('Leaky', 1, z.strictObject({ value: z.string() }))).toThrow('/value');
    expect(() => defineEvent('Leaky', 1, z.strictObject({ value: secret(z.string()) }))).toThrow('/value');
  });

  it('S18: keeps every released event free of secrets, closed to unknown keys and unique', () => {
    const seen = new Set<string>();
    for (const definition of Object.values(EVENT_CATALOGUE).flat()) {
      expect(secretFields(definition.data)).toEqual([]);
      const unknown = definition.data.safeParse({ surely: 'unknown' });
      expect(unknown.error?.issues.some((issue) => issue.code === 'unrecognized_keys')).toBe(true);
      expect(seen.has(`${definition.type}/${definition.v}`)).toBe(false);
      seen.add(`${definition.type}/${definition.v}`);
    }
  });
});
