import { WHOLE_VAULT } from '@keyfleet/contracts';
import { SECRET_ACTIONS } from '@keyfleet/contracts/events';
import { actionBit } from '../decision/statement.js';
import { TooLarge } from './automaton.js';
import { findAddress } from './find-address.js';
import { findFor } from './find-text.js';
import { findTime } from './find-time.js';
import { CLIENTS, PATHS, PRINCIPALS, TEXTS } from './grammars.js';
import type { Literal, Part } from './literals.js';

const METHODS = ['api-key', 'jwt', 'certificate', 'local', 'none'] as const;

/** A value of one part of a request; null where the request has none there. */
export type Value = string | number | boolean | null | readonly string[];

type Find = (literals: readonly Literal[], now: number) => Value | undefined;

const FINDERS: Readonly<Record<Exclude<Part, `tag:${string}`>, Find>> = {
  principal: (literals) => findFor(PRINCIPALS, literals),
  groups: findGroups,
  action: (literals) => oneOf(SECRET_ACTIONS, literals),
  path: findPath,
  method: (literals) => oneOf(METHODS, literals),
  client: (literals) => findFor(CLIENTS, literals) || emptyOf(literals),
  reason: (literals) => findFor(TEXTS, literals) || emptyOf(literals),
  address: findAddress,
  time: findTime,
  secondFactor: (literals) => [false, true].find((value) => literals.every(({ holds }) => holds === value)),
};

/** A value of the part for which all of these have their answers; undefined where there is none. Throws TooLarge. */
export function findPart(part: Part, literals: readonly Literal[], now: number): Value | undefined {
  return isTag(part) ? findTag(literals) : FINDERS[part](literals, now);
}

function isTag(part: Part): part is `tag:${string}` {
  return part.startsWith('tag:');
}

function oneOf(values: readonly string[], literals: readonly Literal[]): string | undefined {
  return values.find((value) => literals.every((literal) => isAnswered(literal, value)));
}

/** The empty text is what a request says that says nothing. */
function emptyOf(literals: readonly Literal[]): null | undefined {
  return literals.every((literal) => isAnswered(literal, '')) ? null : undefined;
}

/** Of one given text. */
function isAnswered({ question, holds }: Literal, text: string): boolean {
  switch (question.kind) {
    case 'one-of':
      return question.values.includes(text) === holds;
    case 'text':
      return text[question.test === 'contains' ? 'includes' : question.test](question.value) === holds;
    case 'action-in':
      return ((actionBit(text as (typeof SECRET_ACTIONS)[number]) & question.actions) !== 0) === holds;
    // No path fits what concerns the vault as a whole.
    case 'path-fits':
      return (question.pattern === WHOLE_VAULT) === holds;
    default:
      throw new TypeError(`${question.kind} asks for no text`);
  }
}

function findPath(literals: readonly Literal[]): string | null | undefined {
  const ofVault = literals.filter(
    ({ question }) => question.kind === 'path-fits' && question.pattern === WHOLE_VAULT,
  );
  if (ofVault.every(({ holds }) => !holds)) {
    const others = literals.filter((literal) => !ofVault.includes(literal));
    const found = findFor(PATHS, others, true);
    if (found !== undefined) return found;
  }
  return literals.every((literal) => isAnswered(literal, '')) ? null : undefined;
}

/** Each group that has to be there is one that none forbids. */
function findGroups(literals: readonly Literal[]): string[] | undefined {
  const forbidden = literals.filter(({ holds }) => !holds);
  const found = new Set<string>();
  for (const literal of literals.filter(({ holds }) => holds)) {
    const group = findFor(PRINCIPALS, [literal, ...forbidden]);
    if (group === undefined) return undefined;
    found.add(group);
  }
  return [...found];
}

/** Null where the secret has no such tag. */
function findTag(literals: readonly Literal[]): string | null | undefined {
  const present = literals.filter(({ question }) => question.kind === 'has-tag');
  const asked = literals.filter(({ question }) => question.kind !== 'has-tag');
  if (present.every(({ holds }) => !holds) && asked.length === 0) return null;
  if (present.some(({ holds }) => !holds)) return present.some(({ holds }) => holds) ? undefined : null;
  return findFor(TEXTS, asked);
}

export { TooLarge };
