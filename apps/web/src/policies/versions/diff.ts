import type { PolicyStatement } from '@keyfleet/contracts';

export interface FieldChange {
  readonly field: string;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

export type StatementChange =
  | { readonly kind: 'added' | 'removed'; readonly statement: PolicyStatement }
  | { readonly kind: 'changed'; readonly id: string; readonly fields: readonly FieldChange[] };

const FIELDS = ['effect', 'principals', 'actions', 'resources', 'condition'] as const;

/** What is another in the second list of statements; their order means nothing to a decision and is left out. */
export function diffStatements(
  from: readonly PolicyStatement[],
  to: readonly PolicyStatement[],
): StatementChange[] {
  const before = new Map(from.map((statement) => [statement.id, statement]));
  const after = new Set(to.map(({ id }) => id));
  const removed = from
    .filter(({ id }) => !after.has(id))
    .map((statement) => ({ kind: 'removed' as const, statement }));
  return [...removed, ...to.flatMap((statement) => changeOf(before.get(statement.id), statement))];
}

function changeOf(before: PolicyStatement | undefined, after: PolicyStatement): StatementChange[] {
  if (!before) return [{ kind: 'added', statement: after }];
  const fields = FIELDS.map((field) => fieldChange(field, before, after)).filter(
    ({ removed, added }) => removed.length + added.length > 0,
  );
  return fields.length === 0 ? [] : [{ kind: 'changed', id: after.id, fields }];
}

function fieldChange(
  field: (typeof FIELDS)[number],
  before: PolicyStatement,
  after: PolicyStatement,
): FieldChange {
  const was = listed(before[field]);
  const is = listed(after[field]);
  return {
    field,
    removed: was.filter((one) => !is.includes(one)),
    added: is.filter((one) => !was.includes(one)),
  };
}

function listed(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
