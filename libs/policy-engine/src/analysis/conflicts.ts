import type { PolicySet } from '../decision/policy-set.js';
import type { CompiledStatement, StatementRef } from '../decision/statement.js';
import type { AccessRequest } from '../request.js';
import { applies, type Formula, negate } from './formula.js';
import { Neighbours } from './neighbours.js';
import { Solver } from './solve.js';

export type ConflictKind =
  /** One allows and one denies the same request; the deny wins. */
  | 'contradiction'
  /** It allows nothing that is not denied. */
  | 'shadowed'
  /** No request can meet it. */
  | 'unreachable'
  /** All it says another says too. */
  | 'redundant'
  /** Not found out within the limits: look at it yourself. */
  | 'undecided';

export interface Conflict {
  readonly kind: ConflictKind;
  readonly statement: StatementRef;
  /** The others in it: one, or those that shadow it together. */
  readonly with: readonly StatementRef[];
  /** A request that shows it; null where there is none because no request meets the statement. */
  readonly example: AccessRequest | null;
}

/** Everything that may not be meant in a set of statements, most serious first for each. */
export function findConflicts(set: PolicySet, now: number): Conflict[] {
  return new Analysis(set.statements, now).all();
}

class Analysis {
  readonly #statements: readonly CompiledStatement[];
  readonly #formulas: ReadonlyMap<CompiledStatement, Formula>;
  readonly #neighbours: Neighbours;
  readonly #solver: Solver;

  constructor(statements: readonly CompiledStatement[], now: number) {
    this.#statements = statements;
    this.#formulas = new Map(statements.map((statement) => [statement, applies(statement)]));
    this.#neighbours = new Neighbours(statements);
    this.#solver = new Solver(now);
  }

  all(): Conflict[] {
    return this.#statements.flatMap((statement) => this.#of(statement));
  }

  #of(statement: CompiledStatement): Conflict[] {
    const met = this.#solver.solve(this.#formula(statement));
    if (met.kind === 'undecided') return [conflict('undecided', statement, [], null)];
    if (met.kind === 'none') return [conflict('unreachable', statement, [], null)];
    const found = statement.denies ? [] : this.#againstDenies(statement);
    if (found.some(({ kind }) => kind === 'shadowed')) return found;
    return [...found, ...this.#redundant(statement, met.request)];
  }

  /** An allow is in contradiction with every deny it meets, or shadowed by all of them together. */
  #againstDenies(statement: CompiledStatement): Conflict[] {
    const own = this.#formula(statement);
    const met: { deny: CompiledStatement; example: AccessRequest }[] = [];
    const undecided: Conflict[] = [];
    for (const deny of this.#neighbours.of(statement).filter(({ denies }) => denies)) {
      const both = this.#solver.solve({ all: [own, this.#formula(deny)] });
      if (both.kind === 'found') met.push({ deny, example: both.request });
      if (both.kind === 'undecided') undecided.push(conflict('undecided', statement, [deny], null));
    }
    const [first] = met;
    if (!first) return undecided;
    const left = this.#solver.solve({ all: [own, ...met.map(({ deny }) => negate(this.#formula(deny)))] });
    if (left.kind === 'none') {
      const alone = met.find(({ deny }) => this.#isWithin(own, this.#formula(deny)));
      const by = alone ? [alone] : met;
      return [
        conflict(
          'shadowed',
          statement,
          by.map(({ deny }) => deny),
          (alone ?? first).example,
        ),
        ...undecided,
      ];
    }
    const contradictions = met.map(({ deny, example }) =>
      conflict('contradiction', statement, [deny], example),
    );
    return [...contradictions, ...undecided];
  }

  /** Of two that say the same, the later one is redundant. */
  #redundant(statement: CompiledStatement, example: AccessRequest): Conflict[] {
    const own = this.#formula(statement);
    const neighbours = this.#neighbours.of(statement);
    const index = neighbours.indexOf(statement);
    const other = neighbours.find((candidate, at) => {
      if (candidate === statement || candidate.denies !== statement.denies) return false;
      if (!this.#isWithin(own, this.#formula(candidate))) return false;
      return at < index || !this.#isWithin(this.#formula(candidate), own);
    });
    return other ? [conflict('redundant', statement, [other], example)] : [];
  }

  #isWithin(inner: Formula, outer: Formula): boolean {
    return this.#solver.solve({ all: [inner, negate(outer)] }).kind === 'none';
  }

  #formula(statement: CompiledStatement): Formula {
    return this.#formulas.get(statement) ?? applies(statement);
  }
}

function conflict(
  kind: ConflictKind,
  { ref: statement }: CompiledStatement,
  others: readonly CompiledStatement[],
  example: AccessRequest | null,
): Conflict {
  return { kind, statement, with: others.map(({ ref }) => ref), example };
}
