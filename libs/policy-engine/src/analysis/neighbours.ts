import type { CompiledStatement } from '../decision/statement.js';

interface Node {
  readonly children: Map<string, Node>;
  readonly here: CompiledStatement[];
}

/**
 * Statements by what their path patterns begin with, up to the first star. Two patterns have no path in common unless
 * one begins as the other does; so of thousands of statements only those of the same corner are compared.
 */
export class Neighbours {
  readonly #root: Node = emptyNode();
  readonly #order: ReadonlyMap<CompiledStatement, number>;

  constructor(statements: readonly CompiledStatement[]) {
    this.#order = new Map(statements.map((statement, index) => [statement, index]));
    for (const statement of statements)
      for (const head of headsOf(statement)) {
        let node = this.#root;
        for (const segment of head) node = childOf(node, segment);
        node.here.push(statement);
      }
  }

  /** In the order of the statements; the statement itself among them. */
  of(statement: CompiledStatement): CompiledStatement[] {
    const found = new Set<CompiledStatement>();
    for (const head of headsOf(statement)) {
      let node: Node | undefined = this.#root;
      for (const segment of head) {
        for (const one of node.here) found.add(one);
        node = node.children.get(segment);
        if (!node) break;
      }
      if (node) addAll(node, found);
    }
    return [...found].sort((a, b) => (this.#order.get(a) ?? 0) - (this.#order.get(b) ?? 0));
  }
}

function emptyNode(): Node {
  return { children: new Map(), here: [] };
}

function childOf(node: Node, segment: string): Node {
  let known = node.children.get(segment);
  if (!known) node.children.set(segment, (known = emptyNode()));
  return known;
}

function addAll(node: Node, found: Set<CompiledStatement>): void {
  for (const one of node.here) found.add(one);
  for (const child of node.children.values()) addAll(child, found);
}

function headsOf({ source }: CompiledStatement): string[][] {
  return source.resources.map((pattern) => {
    const segments = pattern.split('/');
    const star = segments.findIndex((segment) => segment.includes('*'));
    return star < 0 ? segments : segments.slice(0, star);
  });
}
