/** Pieces of SMT-LIB, in which the oracle is told what policies mean. */
export const TRUE = 'true';
export const FALSE = 'false';

export function and(parts: readonly string[]): string {
  const open = parts.filter((part) => part !== TRUE);
  if (open.includes(FALSE)) return FALSE;
  return open.length < 2 ? (open[0] ?? TRUE) : `(and ${open.join(' ')})`;
}

export function or(parts: readonly string[]): string {
  const open = parts.filter((part) => part !== FALSE);
  if (open.includes(TRUE)) return TRUE;
  return open.length < 2 ? (open[0] ?? FALSE) : `(or ${open.join(' ')})`;
}

export function not(part: string): string {
  if (part === TRUE) return FALSE;
  return part === FALSE ? TRUE : `(not ${part})`;
}

export function number(value: number): string {
  return value < 0 ? `(- ${-value})` : String(value);
}

/** What is declared and demanded, and names for what is used more than once. */
export class Script {
  readonly lines: string[] = [];
  #names = 0;

  declare(name: string, sort: string): string {
    this.lines.push(`(declare-const ${name} ${sort})`);
    return name;
  }

  demand(formula: string): void {
    this.lines.push(`(assert ${formula})`);
  }

  /** A name for a formula, so that it is written out once. */
  named(formula: string): string {
    if (!formula.startsWith('(') || formula.startsWith('(not ')) return formula;
    const name = `n${this.#names++}`;
    this.lines.push(`(define-fun ${name} () Bool ${formula})`);
    return name;
  }
}
