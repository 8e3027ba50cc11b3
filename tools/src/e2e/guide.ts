import { readFileSync } from 'node:fs';
import { codeBlocks } from '@keyfleet/testing';

/** What stands in the code blocks of this language in one of `docs/guide`. */
export function guideBlocks(page: string, language: string): string[] {
  const text = readFileSync(new URL(`../../../docs/guide/${page}.md`, import.meta.url), 'utf8');
  return codeBlocks(text, language);
}
