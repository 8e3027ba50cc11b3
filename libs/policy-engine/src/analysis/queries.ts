import type { PolicySet } from '../decision/policy-set.js';
import type { StatementRef } from '../decision/statement.js';
import type { AccessRequest } from '../request.js';
import { applies, type Formula, negate } from './formula.js';
import { Solver } from './solve.js';

/** What is fixed of the question "who can do what on which, when"; everything left out is asked for. */
export interface AccessQuestion {
  readonly principal?: string;
  readonly group?: string;
  readonly action?: AccessRequest['action'];
  readonly path?: string;
  readonly at?: number;
}

/** One way in. */
export interface Access {
  readonly by: StatementRef;
  readonly effectiveFor: {
    readonly principals: readonly string[];
    readonly actions: readonly string[];
    readonly resources: readonly string[];
  };
  /** CEL; null where it always holds. */
  readonly condition: string | null;
  /** A request that is allowed this way and that no deny stands against; null where none was found in time. */
  readonly example: AccessRequest | null;
}

/** Every statement that allows some request of the kind, where denies leave anything of it. */
export function whoCan(set: PolicySet, question: AccessQuestion, now: number): Access[] {
  const solver = new Solver(question.at ?? now);
  const denies = set.statements.filter(({ denies: is }) => is).map((statement) => negate(applies(statement)));
  const fixed = formulaOf(question);
  return set.statements
    .filter((statement) => !statement.denies)
    .flatMap((statement): Access[] => {
      const found = solver.solve({ all: [fixed, applies(statement), ...denies] });
      if (found.kind === 'none') return [];
      const { principals, actions, resources, condition } = statement.source;
      return [
        {
          by: statement.ref,
          effectiveFor: { principals, actions, resources },
          condition: condition ?? null,
          example: found.kind === 'found' ? found.request : null,
        },
      ];
    });
}

function formulaOf({ principal, group, action, path, at }: AccessQuestion): Formula {
  const parts: Formula[] = [];
  const is = (subject: 'principal' | 'action' | 'path', value: string): void => {
    parts.push({ question: { kind: 'one-of', subject, values: [value] }, holds: true });
  };
  if (principal !== undefined) is('principal', principal);
  if (action !== undefined) is('action', action);
  if (path !== undefined) is('path', path);
  if (group !== undefined) parts.push({ question: { kind: 'group', name: group }, holds: true });
  if (at !== undefined) parts.push({ question: { kind: 'instant', comparison: '==', at }, holds: true });
  return { all: parts };
}
