import type { PolicyStatement } from '@keyfleet/contracts';
import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import { type Condition, compile } from '../condition/compile.js';
import type { Expression } from '../condition/expression.js';
import { parseCondition } from '../condition/parse.js';
import { type NameTest, wildcard } from '../glob/wildcard.js';

/** A policy as it takes part in decisions. */
export interface PolicySource {
  readonly policyId: string;
  readonly version: number;
  readonly statements: readonly PolicyStatement[];
}

/** Names a statement everywhere: in decisions, conflicts and audit. */
export interface StatementRef {
  readonly policyId: string;
  readonly version: number;
  readonly statement: string;
}

/** A statement ready to be asked. */
export interface CompiledStatement {
  readonly ref: StatementRef;
  readonly source: PolicyStatement;
  readonly denies: boolean;
  /** A bit for each action it names. */
  readonly actions: number;
  readonly matchesPrincipal: NameTest;
  readonly matchesGroup: NameTest | undefined;
  readonly condition: Condition | undefined;
  /** The same condition, to be looked into. */
  readonly expression: Expression | undefined;
}

const BITS = new Map<string, number>(SECRET_ACTIONS.map((action, index) => [action, 1 << index]));
const ALL_ACTIONS = (1 << SECRET_ACTIONS.length) - 1;

export function actionBit(action: (typeof SECRET_ACTIONS)[number]): number {
  return BITS.get(action) ?? 0;
}

/** Throws a ConditionError where its condition is none. */
export function compileStatement(ref: StatementRef, source: PolicyStatement): CompiledStatement {
  const expression = source.condition === undefined ? undefined : parseCondition(source.condition);
  const groups = source.principals.filter(isGroup).map((pattern) => wildcard(pattern.slice(1)));
  return {
    ...{ ref, source, denies: source.effect === 'deny' },
    actions: source.actions.reduce(
      (bits, action) => bits | (action === '*' ? ALL_ACTIONS : (BITS.get(action) ?? 0)),
      0,
    ),
    matchesPrincipal: any(source.principals.filter((pattern) => !isGroup(pattern)).map(wildcard)),
    matchesGroup: groups.length === 0 ? undefined : any(groups),
    condition: expression && compile(expression),
    expression,
  };
}

export const isGroup = (pattern: string): boolean => pattern.startsWith('@');

function any(tests: readonly NameTest[]): NameTest {
  return (name) => tests.some((test) => test(name));
}
