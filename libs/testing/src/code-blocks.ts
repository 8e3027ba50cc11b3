/** What stands in a page's fenced blocks of one language (`sh`, `sh other`), block by block. */
export function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```([a-z ]+)\n([\s\S]*?)^```/gm)].flatMap(([, found, block = '']) =>
    found === language ? [block] : [],
  );
}
