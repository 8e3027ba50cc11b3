import type { PolicyDocument } from '@keyfleet/contracts';
import type { PolicyContent } from '@keyfleet/contracts/http';
import { canonicalJson } from '@keyfleet/crypto';
import { KeyfleetError } from '@keyfleet/kernel';
import {
  type PolicyProblem,
  printPolicyText,
  type ReadPolicy,
  readPolicyText,
} from '@keyfleet/policy-engine';

/** Of the canonical JSON: it travels through the broker, whose messages hold 512 KiB, beside its YAML. */
const MOST_BYTES = 192 * 1024;
/** As many as an answer shows. */
const MOST_PROBLEMS = 50;

/**
 * What was written as a document, with what is wrong with it. Lines and columns of a document that did not come as text
 * are those of its JSON as we print it.
 */
export function readContent(content: PolicyContent): ReadPolicy {
  const text = 'text' in content ? content.text : printPolicyText(content.document, 'json');
  const read = readPolicyText(text);
  if (!read.document) return { document: null, problems: read.problems.slice(0, MOST_PROBLEMS) };
  if (Buffer.byteLength(canonicalJson(read.document)) <= MOST_BYTES) return read;
  const message = `A policy has at most ${MOST_BYTES / 1024} KiB; say the rest in another one`;
  return {
    document: null,
    problems: [{ code: 'too-complex', pointer: '', message, line: 1, column: 1 }],
  };
}

/** The document, or `policy.invalid` with every problem at its place. */
export function documentOf(content: PolicyContent, read: ReadPolicy): PolicyDocument {
  if (read.document) return read.document;
  const errors = read.problems.map((problem) => ({
    pointer: clipped(problem.pointer, 300),
    message: clipped('text' in content ? placed(problem) : problem.message, 500),
  }));
  throw new KeyfleetError('policy.invalid', { errors });
}

function placed({ line, column, message }: PolicyProblem): string {
  return `${line}:${column} ${message}`;
}

function clipped(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
