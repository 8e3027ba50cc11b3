import type { PolicyStatement } from '@keyfleet/contracts';
import { diffStatements } from './diff';

const statement = (id: string, more: Partial<PolicyStatement> = {}): PolicyStatement => ({
  ...{ id, effect: 'allow', principals: ['@ops'], actions: ['read'], resources: ['a/**'] },
  ...more,
});

describe('what changed between two versions', () => {
  it('says nothing about the same statements in another order', () => {
    const [a, b] = [statement('a'), statement('b', { resources: ['x', 'y'] })];
    const turned = statement('b', { resources: ['y', 'x'] });
    expect(diffStatements([a, b], [turned, a])).toEqual([]);
  });

  it('names what was added, removed and changed, field by field', () => {
    const before = [statement('gone'), statement('kept', { condition: 'secondFactor' })];
    const after = [statement('kept', { actions: ['read', 'list'], effect: 'deny' }), statement('new')];
    expect(diffStatements(before, after)).toEqual([
      { kind: 'removed', statement: before[0] },
      {
        kind: 'changed',
        id: 'kept',
        fields: [
          { field: 'effect', removed: ['allow'], added: ['deny'] },
          { field: 'actions', removed: [], added: ['list'] },
          { field: 'condition', removed: ['secondFactor'], added: [] },
        ],
      },
      { kind: 'added', statement: after[1] },
    ]);
  });
});
