import { type PolicyDocument, policyDocument } from '@keyfleet/contracts';
import { type Document, isNode, LineCounter, parseDocument, stringify } from 'yaml';
import type { z } from 'zod';
import { checkCondition } from './condition/parse.js';

/** What is wrong with a policy's text, and where. Lines and columns count from 1. */
export interface PolicyProblem {
  readonly code: 'syntax' | 'schema' | 'type' | 'unknown-name' | 'unsupported' | 'value' | 'too-complex';
  /** JSON pointer into the document; empty for the whole. */
  readonly pointer: string;
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export type ReadPolicy =
  | { readonly document: PolicyDocument; readonly problems: readonly [] }
  | { readonly document: null; readonly problems: readonly PolicyProblem[] };

/** Longer than any policy within the limits. */
const MOST_CHARACTERS = 1_000_000;

type Path = readonly PropertyKey[];

/** A policy out of YAML, or JSON, which is YAML too: every problem at once, each at its place. */
export function readPolicyText(text: string): ReadPolicy {
  if (text.length > MOST_CHARACTERS)
    return refused([
      { ...WHOLE, code: 'too-complex', message: `A policy has at most ${MOST_CHARACTERS} characters` },
    ]);
  const lines = new LineCounter();
  const yaml = parseDocument(text, { lineCounter: lines });
  const place = (offset: number): Pick<PolicyProblem, 'line' | 'column'> => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (yaml.errors.length > 0)
    return refused(
      yaml.errors.map(({ message, pos }) => ({
        ...{
          code: 'syntax',
          pointer: '',
          message: message.split('\n')[0]?.replace(/ at line .*$/, '') ?? '',
        },
        ...place(pos[0]),
      })),
    );
  const value = plain(yaml);
  if (value === undefined)
    return refused([{ ...WHOLE, code: 'syntax', message: 'A policy uses no anchors and aliases' }]);
  const parsed = policyDocument.safeParse(value);
  const at = (path: Path) => place(offsetOf(yaml, path));
  if (!parsed.success)
    return refused(
      parsed.error.issues.map((issue) => ({
        ...{ code: 'schema', pointer: pointerOf(issue.path), message: messageOf(issue) },
        ...at(issue.path),
      })),
    );
  const problems = conditionProblems(parsed.data, at);
  return problems.length > 0 ? refused(problems) : { document: parsed.data, problems: [] };
}

/** The same document in the same words: keys in the order of the schema, long conditions on lines of their own. */
export function printPolicyText(document: PolicyDocument, form: 'yaml' | 'json'): string {
  const ordered = policyDocument.parse(document);
  return form === 'json' ? `${JSON.stringify(ordered, null, 2)}\n` : stringify(ordered, { lineWidth: 0 });
}

const WHOLE = { pointer: '', line: 1, column: 1 } as const;

function refused(problems: readonly PolicyProblem[]): ReadPolicy {
  return { document: null, problems };
}

/** Without aliases: a few lines of them could stand for gigabytes. Undefined where there are any. */
function plain(yaml: Document): unknown {
  try {
    return yaml.toJS({ maxAliasCount: 0 }) as unknown;
  } catch {
    return undefined;
  }
}

/** Where the thing at a path begins; of what is missing, where it would have to be. */
function offsetOf(yaml: Document, path: Path): number {
  for (let length = path.length; length >= 0; length--) {
    const node = yaml.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function conditionProblems(
  { statements }: PolicyDocument,
  at: (path: Path) => Pick<PolicyProblem, 'line' | 'column'>,
): PolicyProblem[] {
  return statements.flatMap(({ condition }, index) => {
    const problem = condition === undefined ? undefined : checkCondition(condition);
    if (!problem) return [];
    const path = ['statements', index, 'condition'];
    const begin = at(path);
    // How a condition is quoted or folded moves its letters; within it the place is counted from its own beginning.
    return [
      {
        ...{ code: problem.code, pointer: pointerOf(path) },
        ...begin,
        message: `${problem.message} (in the condition at line ${problem.line}, column ${problem.column})`,
      },
    ];
  });
}

function pointerOf(path: Path): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function messageOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys'
    ? `Nothing is called ${issue.keys.join(', ')} here`
    : issue.message;
}
