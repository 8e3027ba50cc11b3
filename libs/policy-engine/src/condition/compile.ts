import type { AccessRequest, Unknown } from '../request.js';
import type { Atom, Expression, TextSubject, TextTest } from './expression.js';
import { contains, readAddress, readNetwork } from './network.js';
import { compare } from './reduce-time.js';
import { not, type Truth } from './truth.js';
import { wallClock } from './zone.js';

/** One request while its conditions are worked out: what several of them ask for is found once. */
export class Circumstances {
  readonly request: AccessRequest;
  readonly #unknown: ReadonlySet<Unknown>;
  #address: ReturnType<typeof readAddress> | null = null;

  constructor(request: AccessRequest, unknown: ReadonlySet<Unknown> = NOTHING) {
    this.request = request;
    this.#unknown = unknown;
  }

  knows(part: Unknown): boolean {
    return this.#unknown.size === 0 || !this.#unknown.has(part);
  }

  /** Undefined where there is none. */
  get address(): ReturnType<typeof readAddress> {
    if (this.#address === null) {
      const text = this.request.address;
      this.#address = text === null ? undefined : readAddress(text);
    }
    return this.#address;
  }
}

const NOTHING: ReadonlySet<Unknown> = new Set();

/** Whether a condition holds. */
export type Condition = (circumstances: Circumstances) => Truth;

/** A condition ready to be worked out many times: everything that depends on its text alone is done here. */
export function compile(expression: Expression): Condition {
  switch (expression.kind) {
    case 'all':
      return every(expression.of.map(compile));
    case 'any':
      return some(expression.of.map(compile));
    case 'not': {
      const inner = compile(expression.of);
      return (circumstances) => not(inner(circumstances));
    }
    case 'always':
      return () => expression.value;
    default:
      return compileAtom(expression);
  }
}

function every(parts: readonly Condition[]): Condition {
  return (circumstances) => {
    let result: Truth = true;
    for (const part of parts) {
      const value = part(circumstances);
      if (value === false) return false;
      if (value === undefined) result = undefined;
    }
    return result;
  };
}

function some(parts: readonly Condition[]): Condition {
  return (circumstances) => {
    let result: Truth = false;
    for (const part of parts) {
      const value = part(circumstances);
      if (value === true) return true;
      if (value === undefined) result = undefined;
    }
    return result;
  };
}

function compileAtom(atom: Atom): Condition {
  switch (atom.kind) {
    case 'one-of':
      return compileOneOf(reader(atom.subject), atom.values);
    case 'text':
      return compileText(reader(atom.subject), TESTS[atom.test], atom.value);
    case 'group':
      return (of) => (of.knows('groups') ? of.request.groups.includes(atom.name) : undefined);
    case 'has-tag':
      return (of) => (of.knows('tags') ? Object.hasOwn(of.request.tags, atom.tag) : undefined);
    case 'second-factor':
      return (of) => of.request.secondFactor;
    case 'network':
      return compileNetwork(atom.cidr);
    case 'instant':
      return (of) => (of.knows('at') ? compare(atom.comparison, of.request.at, atom.at) : undefined);
    case 'weekday': {
      const days = new Set(atom.days);
      return (of) => (of.knows('at') ? days.has(wallClock(atom.zone, of.request.at).weekday) : undefined);
    }
    case 'clock':
      return (of) =>
        of.knows('at')
          ? compare(atom.comparison, wallClock(atom.zone, of.request.at).minute, atom.minute)
          : undefined;
  }
}

function compileNetwork(cidr: string): Condition {
  const network = readNetwork(cidr);
  if (!network) throw new TypeError(`${cidr} is no network`);
  return (of) => {
    if (!of.knows('address')) return undefined;
    const { address } = of;
    return address === undefined ? undefined : contains(network, address);
  };
}

type TextReader = (of: Circumstances) => string | undefined;

const TESTS: Readonly<Record<TextTest, (text: string, value: string) => boolean>> = {
  startsWith: (text, value) => text.startsWith(value),
  endsWith: (text, value) => text.endsWith(value),
  contains: (text, value) => text.includes(value),
};

function compileOneOf(read: TextReader, values: readonly string[]): Condition {
  const [only] = values;
  if (values.length === 1) return (of) => lift(read(of), (text) => text === only);
  const set = new Set(values);
  return (of) => lift(read(of), (text) => set.has(text));
}

function compileText(
  read: TextReader,
  test: (text: string, value: string) => boolean,
  value: string,
): Condition {
  return (of) => lift(read(of), (text) => test(text, value));
}

function lift(text: string | undefined, test: (text: string) => boolean): Truth {
  return text === undefined ? undefined : test(text);
}

/** What the request says there: empty where it says nothing, undefined where that is not known. */
function reader(subject: TextSubject): TextReader {
  if (typeof subject === 'object') {
    const { tag } = subject;
    return (of) =>
      of.knows('tags') && Object.hasOwn(of.request.tags, tag) ? of.request.tags[tag] : undefined;
  }
  switch (subject) {
    case 'method':
    case 'action':
      return (of) => of.request[subject];
    default:
      return (of) => (of.knows(subject) ? (of.request[subject] ?? '') : undefined);
  }
}
