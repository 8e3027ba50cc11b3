import { type NameTest, wildcard } from './wildcard.js';

interface Node<T> {
  readonly literal: Map<string, Node<T>>;
  /** Segments with stars in them, each pattern once. */
  readonly starred: Map<string, { readonly test: NameTest; readonly node: Node<T> }>;
  /** What follows a `**`. */
  deep: Node<T> | undefined;
  readonly here: T[];
}

const ANY_SEGMENTS = '**';

function emptyNode<T>(): Node<T> {
  return { literal: new Map(), starred: new Map(), deep: undefined, here: [] };
}

/**
 * Path patterns by their segments. A look-up walks the segments of the path once and meets only patterns whose
 * beginning fits, so its cost follows those and not the number of patterns.
 */
export class PathIndex<T> {
  readonly #root: Node<T> = emptyNode();

  /** What stands at `pattern`: the same array for the same pattern, empty where nothing was put there yet. */
  at(pattern: string): T[] {
    let node = this.#root;
    for (const segment of pattern.split('/')) node = child(node, segment);
    return node.here;
  }

  /** Calls `visit` once for every pattern that fits, in no order worth relying on. */
  visit(path: string, visit: (items: readonly T[]) => void): void {
    const segments = path.split('/');
    // Two ways through `**` may end at the same pattern.
    const seen = new Set<Node<T>>();
    walk(this.#root, segments, 0, (node) => {
      if (node.here.length === 0 || seen.has(node)) return;
      seen.add(node);
      visit(node.here);
    });
  }
}

function child<T>(node: Node<T>, segment: string): Node<T> {
  if (segment === ANY_SEGMENTS) {
    node.deep ??= emptyNode();
    return node.deep;
  }
  if (segment.includes('*')) {
    const known = node.starred.get(segment);
    if (known) return known.node;
    const made = { test: wildcard(segment), node: emptyNode<T>() };
    node.starred.set(segment, made);
    return made.node;
  }
  let known = node.literal.get(segment);
  if (!known) node.literal.set(segment, (known = emptyNode<T>()));
  return known;
}

function walk<T>(
  node: Node<T>,
  segments: readonly string[],
  at: number,
  found: (node: Node<T>) => void,
): void {
  if (node.deep) for (let skip = at; skip <= segments.length; skip++) walk(node.deep, segments, skip, found);
  const segment = segments[at];
  if (segment === undefined) return found(node);
  const next = node.literal.get(segment);
  if (next) walk(next, segments, at + 1, found);
  for (const { test, node: starred } of node.starred.values())
    if (test(segment)) walk(starred, segments, at + 1, found);
}
