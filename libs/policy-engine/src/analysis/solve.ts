import type { AccessRequest } from '../request.js';
import { findPart, TooLarge, type Value } from './find-part.js';
import type { Formula } from './formula.js';
import { type Literal, type Part, partOf } from './literals.js';

/** Beyond so many cases a question is given up as undecided; it is said so, never guessed. */
const MOST_CASES = 20_000;

export type Solution =
  | { readonly kind: 'found'; readonly request: AccessRequest }
  | { readonly kind: 'none' }
  | { readonly kind: 'undecided' };

/** Literals by the part of the request they are about, each with a value that answers them all. */
interface Case {
  readonly parts: ReadonlyMap<Part, { readonly literals: readonly Literal[]; readonly value: Value }>;
}

/**
 * Looks for a request a formula holds for. Alternatives are tried one after the other, and one is left as soon as a
 * part of the request has no value any more; parts are independent, so values found for each make a request.
 */
export class Solver {
  readonly #now: number;
  readonly #known = new Map<string, Value | undefined>();
  #cases = 0;

  /** `now` is where a moment is looked for first. */
  constructor(now: number) {
    this.#now = now;
  }

  solve(formula: Formula): Solution {
    this.#cases = 0;
    try {
      const found = this.#search([formula], { parts: new Map() });
      return found ? { kind: 'found', request: requestOf(found, this.#now) } : { kind: 'none' };
    } catch (error) {
      if (error instanceof TooLarge) return { kind: 'undecided' };
      throw error;
    }
  }

  #search(open: readonly Formula[], so: Case): Case | undefined {
    if (++this.#cases > MOST_CASES) throw new TooLarge('Too many cases.');
    const [first, ...rest] = open;
    if (first === undefined) return so;
    if ('question' in first) {
      const next = this.#with(so, first);
      return next && this.#search(rest, next);
    }
    if ('all' in first) return this.#search([...ordered(first.all), ...rest], so);
    for (const one of first.any) {
      const found = this.#search([one, ...rest], so);
      if (found) return found;
    }
    return undefined;
  }

  #with({ parts }: Case, literal: Literal): Case | undefined {
    const part = partOf(literal.question);
    const literals = [...(parts.get(part)?.literals ?? []), literal];
    const value = this.#find(part, literals);
    return value === undefined ? undefined : { parts: new Map(parts).set(part, { literals, value }) };
  }

  #find(part: Part, literals: readonly Literal[]): Value | undefined {
    const key = `${part} ${literals
      .map((literal) => JSON.stringify(literal))
      .sort()
      .join(' ')}`;
    if (!this.#known.has(key)) this.#known.set(key, findPart(part, literals, this.#now));
    return this.#known.get(key);
  }
}

/** What leaves no choice comes first: it narrows down what is left of the choices. */
function ordered(parts: readonly Formula[]): Formula[] {
  const choices = (part: Formula): number => ('any' in part && part.any.length !== 1 ? part.any.length : 0);
  return [...parts].sort((a, b) => choices(a) - choices(b));
}

function requestOf({ parts }: Case, now: number): AccessRequest {
  const value = <T>(part: Part, otherwise: T): T => {
    const found = parts.get(part)?.value;
    return found === undefined ? otherwise : (found as T);
  };
  const tags = [...parts].flatMap(([part, { value: text }]) =>
    part.startsWith('tag:') && typeof text === 'string' ? [[part.slice(4), text] as const] : [],
  );
  return {
    principal: value('principal', 'someone'),
    groups: value<readonly string[]>('groups', []),
    action: value<AccessRequest['action']>('action', 'read'),
    path: value<string | null>('path', 'some/secret'),
    method: value('method', 'api-key'),
    secondFactor: value('secondFactor', false),
    client: value<string | null>('client', null),
    reason: value<string | null>('reason', null),
    address: value<string | null>('address', null),
    tags: Object.fromEntries(tags),
    at: value('time', now),
  };
}
