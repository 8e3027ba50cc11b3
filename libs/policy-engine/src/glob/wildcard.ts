/** Whether a name fits a pattern in which a star stands for any characters, none included. */
export type NameTest = (name: string) => boolean;

/**
 * Each literal between two stars is looked for once, from where the one before ended: a name of n characters costs
 * O(n · stars), whatever the pattern. A regular expression of the same pattern may try every way to part the name.
 */
export function wildcard(pattern: string): NameTest {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name === pattern;
  const middle = rest.filter((literal) => literal !== '');
  if (middle.length === 0 && first === '' && last === '') return () => true;
  return (name) => {
    if (name.length < first.length + last.length) return false;
    if (!name.startsWith(first) || !name.endsWith(last)) return false;
    const end = name.length - last.length;
    let at = first.length;
    for (const literal of middle) {
      const found = name.indexOf(literal, at);
      if (found < 0 || found + literal.length > end) return false;
      at = found + literal.length;
    }
    return true;
  };
}
