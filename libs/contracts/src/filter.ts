import { isKeyfleetError, KeyfleetError } from '@keyfleet/kernel';

/** `=` and `!=` compare whole values, `:` asks whether a text contains one (`*`: whether there is any). */
export type Comparator = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':';

export interface Comparison {
  readonly kind: 'compare';
  /** As written: `state`, `labels.env`. */
  readonly field: string;
  readonly comparator: Comparator;
  readonly value: string;
}

export type Filter =
  | Comparison
  | { readonly kind: 'not'; readonly term: Filter }
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Filter[] };

/** Where comparisons were read, beside what they say: filters that say the same are equal. */
const places = new WeakMap<Comparison, number>();

/** The character (from 0) at which a comparison stood in the text that `parseFilter` read. */
export function placeOf(comparison: Comparison): number | undefined {
  return places.get(comparison);
}

const MAX_CHARS = 2_000;
const MAX_COMPARISONS = 50;
const MAX_DEPTH = 10;

const TOKEN =
  /\s*(?:([()])|(<=|>=|!=|=|<|>|:)|"((?:[^"\\\p{Cc}\p{Cs}]|\\["\\])*)"|([A-Za-z0-9_][A-Za-z0-9._+/\-]*|\*))\s*/uy;
const FIELD = /^[a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9._-]*)?$/;

interface Token {
  readonly kind: 'paren' | 'comparator' | 'string' | 'word';
  readonly text: string;
  readonly at: number;
}

function refuse(message: string, at: number): KeyfleetError {
  return new KeyfleetError('filter.invalid', {
    detail: `The filter could not be understood at character ${at + 1}: ${message}.`,
    errors: [{ pointer: 'query/filter', message: `${message} (character ${at + 1})` }],
  });
}

function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw refuse('expected a name, a value or an operator', at);
    const [, paren, comparator, quoted, word] = match;
    if (paren) tokens.push({ kind: 'paren', text: paren, at });
    else if (comparator) tokens.push({ kind: 'comparator', text: comparator, at });
    else if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted.replace(/\\(.)/g, '$1'), at });
    else tokens.push({ kind: 'word', text: word as string, at });
  }
  return tokens;
}

/** Recursive descent; as in AIP-160, OR binds closer than AND. */
class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #comparisons = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Filter {
    const filter = this.#and(0);
    const left = this.#tokens[this.#next];
    if (left) throw refuse('expected AND, OR or the end', left.at);
    return filter;
  }

  #and(depth: number): Filter {
    return this.#list('AND', 'and', () => this.#or(depth));
  }

  #or(depth: number): Filter {
    return this.#list('OR', 'or', () => this.#term(depth));
  }

  #list(keyword: string, kind: 'and' | 'or', item: () => Filter): Filter {
    const first = item();
    const terms = [first];
    while (this.#take('word', keyword)) terms.push(item());
    return terms.length === 1 ? first : { kind, terms };
  }

  #term(depth: number): Filter {
    if (depth > MAX_DEPTH) throw refuse('it is nested too deep', this.#at());
    if (this.#take('word', 'NOT')) return { kind: 'not', term: this.#term(depth + 1) };
    if (!this.#take('paren', '(')) return this.#comparison();
    const inner = this.#and(depth + 1);
    if (!this.#take('paren', ')')) throw refuse('expected a closing parenthesis', this.#at());
    return inner;
  }

  #comparison(): Comparison {
    this.#comparisons += 1;
    if (this.#comparisons > MAX_COMPARISONS) throw refuse('it has too many comparisons', this.#at());
    const field = this.#take('word');
    if (!field || !FIELD.test(field.text)) throw refuse('expected a field', field?.at ?? this.#at());
    const comparator = this.#take('comparator');
    if (!comparator) throw refuse('expected a comparison such as = or !=', this.#at());
    const value = this.#take('string') ?? this.#take('word');
    if (!value) throw refuse('expected a value', this.#at());
    const comparison: Comparison = {
      kind: 'compare',
      field: field.text,
      comparator: comparator.text as Comparator,
      value: value.text,
    };
    places.set(comparison, field.at);
    return comparison;
  }

  #take(kind: Token['kind'], text?: string): Token | undefined {
    const token = this.#tokens[this.#next];
    if (token?.kind !== kind || (text !== undefined && token.text !== text)) return undefined;
    this.#next += 1;
    return token;
  }

  #at(): number {
    const token = this.#tokens[this.#next] ?? this.#tokens.at(-1);
    return token?.at ?? 0;
  }
}

/**
 * Reads `state = offline AND labels.env = "prod"`. Which fields exist and what they compare as is the list's business.
 * Throws `filter.invalid` with the place where it went wrong.
 */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_CHARS) throw refuse(`it is longer than ${MAX_CHARS} characters`, MAX_CHARS);
  return new Parser(tokenise(text)).parse();
}

/** Reads a group's selector: the same grammar over `labels.<key>` with `=`, `!=` and `:` alone. */
export function parseSelector(text: string): Filter {
  const filter = parseFilter(text);
  for (const { field, comparator } of comparisons(filter)) {
    if (!field.startsWith('labels.')) throw refuse('a selector asks for labels.<key> only', 0);
    if (!['=', '!=', ':'].includes(comparator)) throw refuse('labels compare with =, != and :', 0);
  }
  return filter;
}

/**
 * The same for a selector that came in a body: `request.invalid` at `pointer`, in the words of `filter.invalid`.
 */
export function checkSelector(text: string, pointer: string): void {
  try {
    parseSelector(text);
  } catch (error) {
    if (!isKeyfleetError(error, 'filter.invalid')) throw error;
    const { detail, errors = [] } = error.details;
    throw new KeyfleetError('request.invalid', {
      ...(detail === undefined ? {} : { detail }),
      errors: errors.map(({ message }) => ({ pointer, message })),
    });
  }
}

export function* comparisons(filter: Filter): Generator<Comparison> {
  if (filter.kind === 'compare') yield filter;
  else if (filter.kind === 'not') yield* comparisons(filter.term);
  else for (const term of filter.terms) yield* comparisons(term);
}

/** Whether a selector picks something with these labels. */
export function selects(selector: Filter, labels: Readonly<Record<string, string>>): boolean {
  switch (selector.kind) {
    case 'not':
      return !selects(selector.term, labels);
    case 'and':
      return selector.terms.every((term) => selects(term, labels));
    case 'or':
      return selector.terms.some((term) => selects(term, labels));
    case 'compare':
      return compares(selector, labels);
    default:
      return selector satisfies never;
  }
}

function compares(
  { field, comparator, value }: Comparison,
  labels: Readonly<Record<string, string>>,
): boolean {
  const key = field.slice('labels.'.length);
  const found = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (comparator === '!=') return found !== value;
  if (comparator === '=') return found === value;
  return found !== undefined && (value === '*' || found.toLowerCase().includes(value.toLowerCase()));
}
