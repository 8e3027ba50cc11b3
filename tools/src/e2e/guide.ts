import { readFileSync } from 'node:fs';

/** What stands in the code blocks of this language in one of `docs/guide`. */
export function guideBlocks(page: string, language: string): string[] {
  const text = readFileSync(new URL(`../../../docs/guide/${page}.md`, import.meta.url), 'utf8');
  return [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, found, block = '']) =>
    found === language ? [block] : [],
  );
}
