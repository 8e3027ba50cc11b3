import { findConflicts } from './analysis/conflicts.js';
import { describeCondition } from './condition/english.js';
import { parseCondition } from './condition/parse.js';
import { PolicySet } from './decision/policy-set.js';
import { TEMPLATES } from './templates.js';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const setOf = (id: string, given: Record<string, string> = {}) => {
  const { statements } = TEMPLATES.find((one) => one.id === id)?.make(given) ?? { statements: [] };
  return new PolicySet([{ policyId: id, version: 1, statements }]);
};

describe('templates', () => {
  it.each(TEMPLATES.map(({ id }) => id))('%s parses and has no conflicts as it stands', (id) => {
    expect(findConflicts(setOf(id), NOW)).toEqual([]);
    for (const { source } of setOf(id).statements)
      if (source.condition) expect(describeCondition(parseCondition(source.condition))).not.toBe('');
  });

  it('take what is filled in, and refuse what is no name, path or zone', () => {
    expect(setOf('least-privilege', { principal: '@web' }).statements[0]?.source.principals).toEqual([
      '@web',
    ]);
    expect(() => setOf('least-privilege', { paths: '../etc' })).toThrow('must be a path');
    expect(() => setOf('working-hours', { zone: 'Nowhere/Land' })).toThrow('is no time zone');
    expect(() => setOf('ci-only', { principal: 'x" || true || "' })).toThrow('must be a name');
  });
});
