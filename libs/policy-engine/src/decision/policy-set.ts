import { WHOLE_VAULT } from '@keyfleet/contracts';
import { Circumstances } from '../condition/compile.js';
import { PathIndex } from '../glob/path-index.js';
import type { AccessRequest, Unknown } from '../request.js';
import {
  actionBit,
  type CompiledStatement,
  compileStatement,
  type PolicySource,
  type StatementRef,
} from './statement.js';

/** The statements at one path pattern, by whom they are for. */
class Place {
  readonly #named = new Map<string, CompiledStatement[]>();
  /** For names with stars in them. */
  readonly #starred: CompiledStatement[] = [];

  add(statement: CompiledStatement): void {
    const { principals } = statement.source;
    if (principals.some((pattern) => pattern.includes('*'))) this.#starred.push(statement);
    else for (const name of new Set(principals)) this.#of(name).push(statement);
  }

  #of(name: string): CompiledStatement[] {
    let known = this.#named.get(name);
    if (!known) this.#named.set(name, (known = []));
    return known;
  }

  visitAll(visit: (statement: CompiledStatement) => void): void {
    for (const named of this.#named.values()) for (const one of named) visit(one);
    for (const one of this.#starred) visit(one);
  }

  visit(request: AccessRequest, visit: (statement: CompiledStatement) => void): void {
    if (this.#named.size > 0) {
      for (const statement of this.#named.get(request.principal) ?? NONE) visit(statement);
      for (const group of request.groups) for (const one of this.#named.get(`@${group}`) ?? NONE) visit(one);
    }
    for (const one of this.#starred) if (isFor(one, request)) visit(one);
  }
}

const NONE: readonly CompiledStatement[] = [];
const NONE_UNKNOWN: ReadonlySet<Unknown> = new Set();

export function isFor(statement: CompiledStatement, { principal, groups }: AccessRequest): boolean {
  return (
    statement.matchesPrincipal(principal) ||
    (statement.matchesGroup !== undefined && groups.some(statement.matchesGroup))
  );
}

export type Verdict = 'allowed' | 'denied';

export interface Decision {
  readonly verdict: Verdict;
  /**
   * `denied-by` and `allowed-by` name statements that apply; `not-allowed` that none allows it. `undecidable` is a
   * denial because of a condition of which something is not known.
   */
  readonly because: 'denied-by' | 'allowed-by' | 'not-allowed' | 'undecidable';
  /** One that decided; `explain` lists them all. */
  readonly by: StatementRef | null;
}

const NOT_ALLOWED: Decision = { verdict: 'denied', because: 'not-allowed', by: null };

/**
 * All statements that hold for one agent, of whatever scope: deny beats allow beats the default, which is to deny. A
 * deny whose condition cannot be decided denies; an allow whose condition cannot be decided allows nothing.
 */
export class PolicySet {
  readonly statements: readonly CompiledStatement[];
  readonly #index = new PathIndex<Place>();
  /** What concerns the vault as a whole has no path, so no pattern of paths gives it by the way. */
  readonly #vault = new Place();
  /** Those on paths of any kind: where it is not known which path was asked for. */
  readonly #somewhere = new Place();

  /** Throws a ConditionError where a condition is none: what was saved was checked. */
  constructor(policies: readonly PolicySource[]) {
    this.statements = policies.flatMap(({ policyId, version, statements }) =>
      statements.map((source) => compileStatement({ policyId, version, statement: source.id }, source)),
    );
    for (const statement of this.statements) {
      const { resources } = statement.source;
      for (const pattern of new Set(resources)) this.#placeAt(pattern).add(statement);
      if (resources.some((pattern) => pattern !== WHOLE_VAULT)) this.#somewhere.add(statement);
    }
  }

  #placeAt(pattern: string): Place {
    if (pattern === WHOLE_VAULT) return this.#vault;
    const places = this.#index.at(pattern);
    const [known] = places;
    if (known) return known;
    const made = new Place();
    places.push(made);
    return made;
  }

  /** `unknown` names what the request does not tell, where it is only a record of one. */
  decide(request: AccessRequest, unknown?: ReadonlySet<Unknown>): Decision {
    const circumstances = new Circumstances(request, unknown);
    let allowing: CompiledStatement | undefined;
    let doubtful: CompiledStatement | undefined;
    for (const statement of this.candidates(request)) {
      // One that allows is enough; those that deny are all asked.
      if (!statement.denies && allowing) continue;
      const holds = statement.condition === undefined || statement.condition(circumstances);
      if (holds === false) continue;
      if (!statement.denies) allowing = holds === true ? statement : allowing;
      else if (holds === true) return { verdict: 'denied', because: 'denied-by', by: statement.ref };
      else doubtful ??= statement;
    }
    if (doubtful) return { verdict: 'denied', because: 'undecidable', by: doubtful.ref };
    return allowing ? { verdict: 'allowed', because: 'allowed-by', by: allowing.ref } : NOT_ALLOWED;
  }

  /**
   * Statements whose path, principals and actions fit, whatever their conditions; one may come twice. Where one of these
   * is `unknown`, all that may fit as far as the others tell.
   */
  candidates(request: AccessRequest, unknown: ReadonlySet<Unknown> = NONE_UNKNOWN): CompiledStatement[] {
    const bit = actionBit(request.action);
    const found: CompiledStatement[] = [];
    const visit = (statement: CompiledStatement): void => {
      if ((statement.actions & bit) !== 0) found.push(statement);
    };
    const anybody = unknown.has('principal') || unknown.has('groups');
    const add = (place: Place | undefined): void =>
      anybody ? place?.visitAll(visit) : place?.visit(request, visit);
    if (unknown.has('path')) add(this.#somewhere);
    else if (request.path === null) add(this.#vault);
    else this.#index.visit(request.path, ([place]) => add(place));
    return found;
  }
}
