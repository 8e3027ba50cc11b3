import { WHOLE_VAULT } from '@keyfleet/contracts';
import { Circumstances } from '../condition/compile.js';
import { PathIndex } from '../glob/path-index.js';
import type { AccessRequest } from '../request.js';
import { type Decision, isFor, type PolicySet } from './policy-set.js';
import { actionBit, type CompiledStatement, type StatementRef } from './statement.js';

/** Why a statement had no say. The first thing that does not fit is named; the order is that of the list. */
export type Mismatch =
  | 'principal'
  | 'action'
  | 'resource'
  | 'condition-false'
  | 'condition-unknown'
  | 'overruled';

export interface Explanation {
  readonly decision: Decision;
  /** Every statement that decided: all that deny, or else all that allow. */
  readonly decided: readonly StatementRef[];
  readonly others: readonly { readonly ref: StatementRef; readonly why: Mismatch }[];
}

/** A decision with the part every statement had in it. Looks at all of them: for people, not for every request. */
export function explain(set: PolicySet, request: AccessRequest): Explanation {
  const decision = set.decide(request);
  const circumstances = new Circumstances(request);
  const decided: StatementRef[] = [];
  const others: { ref: StatementRef; why: Mismatch }[] = [];
  for (const statement of set.statements) {
    const why = mismatch(statement, request, circumstances) ?? overruled(statement, decision);
    if (why === undefined) decided.push(statement.ref);
    else others.push({ ref: statement.ref, why });
  }
  return { decision, decided, others };
}

function mismatch(
  statement: CompiledStatement,
  request: AccessRequest,
  circumstances: Circumstances,
): Mismatch | undefined {
  if (!isFor(statement, request)) return 'principal';
  if ((statement.actions & actionBit(request.action)) === 0) return 'action';
  if (!statement.source.resources.some((pattern) => covers(pattern, request.path))) return 'resource';
  const holds = statement.condition?.(circumstances) ?? (statement.condition ? undefined : true);
  if (holds === false) return 'condition-false';
  // What denies in doubt has decided.
  return holds === undefined && !statement.denies ? 'condition-unknown' : undefined;
}

function overruled(statement: CompiledStatement, { verdict }: Decision): Mismatch | undefined {
  return !statement.denies && verdict === 'denied' ? 'overruled' : undefined;
}

/** Whether a path pattern covers a path; null is the vault as a whole. */
export function covers(pattern: string, path: string | null): boolean {
  if (path === null || pattern === WHOLE_VAULT) return path === null && pattern === WHOLE_VAULT;
  const index = new PathIndex<true>();
  index.at(pattern).push(true);
  let found = false;
  index.visit(path, () => {
    found = true;
  });
  return found;
}
