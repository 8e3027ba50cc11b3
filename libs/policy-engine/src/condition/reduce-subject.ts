import type { ASTNode } from '@marcbachmann/cel-js';
import type { TextSubject } from './expression.js';

const TEXTS = ['principal', 'method', 'action', 'path', 'client', 'reason'] as const;

/** What of a request a piece of CEL reads as a text: `principal`, `tags.env`, `tags["env"]`. */
export function textSubject(node: ASTNode): TextSubject | undefined {
  if (node.op === 'id') return TEXTS.find((name) => name === node.args);
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [owner, key] = node.args;
  if (owner.op !== 'id' || owner.args !== 'tags') return undefined;
  if (typeof key === 'string') return { tag: key };
  return key.op === 'value' && typeof key.args === 'string' ? { tag: key.args } : undefined;
}
