/**
 * A condition as the engine knows it: CEL reduced to what can be evaluated without surprises, decided for all requests
 * at once by analysis, shown in a form, and read out in English. Everything else works on this and not on CEL's tree.
 */
export type Expression =
  | { readonly kind: 'all'; readonly of: readonly Expression[] }
  | { readonly kind: 'any'; readonly of: readonly Expression[] }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'always'; readonly value: boolean }
  | Atom;

/** What a text can be asked of. A tag may be missing, the others are empty where the request has none. */
export type TextSubject =
  | 'principal'
  | 'method'
  | 'action'
  | 'path'
  | 'client'
  | 'reason'
  | { readonly tag: string };
export type TextTest = 'startsWith' | 'endsWith' | 'contains';
export type Comparison = '<' | '<=' | '>' | '>=' | '==';

export type Atom =
  /** Whether it is one of the values. */
  | { readonly kind: 'one-of'; readonly subject: TextSubject; readonly values: readonly string[] }
  | { readonly kind: 'text'; readonly subject: TextSubject; readonly test: TextTest; readonly value: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'has-tag'; readonly tag: string }
  | { readonly kind: 'second-factor' }
  /** Whether the address the request came from is in the network. */
  | { readonly kind: 'network'; readonly cidr: string }
  /** The moment itself, in milliseconds since 1970. */
  | { readonly kind: 'instant'; readonly comparison: Comparison; readonly at: number }
  /** 0 is Sunday, as in CEL. */
  | { readonly kind: 'weekday'; readonly zone: string; readonly days: readonly number[] }
  /** Minutes since midnight in the zone. */
  | {
      readonly kind: 'clock';
      readonly zone: string;
      readonly comparison: Comparison;
      readonly minute: number;
    };

/** Every atom of an expression, from left to right. */
export function* atomsOf(expression: Expression): Generator<Atom> {
  switch (expression.kind) {
    case 'all':
    case 'any':
      for (const part of expression.of) yield* atomsOf(part);
      return;
    case 'not':
      return yield* atomsOf(expression.of);
    case 'always':
      return;
    default:
      yield expression;
  }
}
