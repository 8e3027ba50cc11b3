/** So many statements are prepared; each connection keeps its own for as long as it lives. */
const MOST = 500;
const LONGEST = 4_096;

const known = new Set<string>();

/**
 * Whether a statement is prepared under a name of its own. Filters make statements of any number of shapes, and a
 * client that thinks up new ones must not fill the server's memory with their plans.
 */
export function worthPreparing(text: string): boolean {
  if (known.has(text)) return true;
  if (text.length > LONGEST || known.size >= MOST) return false;
  known.add(text);
  return true;
}
