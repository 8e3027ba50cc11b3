/** What is wrong with a condition, and where. Lines and columns count from 1. */
export interface ConditionProblem {
  readonly code: 'syntax' | 'type' | 'unknown-name' | 'unsupported' | 'value' | 'too-complex';
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

export class ConditionError extends Error {
  override readonly name = 'ConditionError';
  readonly problem: ConditionProblem;

  constructor(problem: ConditionProblem) {
    super(`${problem.message} (line ${problem.line}, column ${problem.column})`);
    this.problem = problem;
  }
}

export function placeIn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, Math.max(0, offset)).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}
