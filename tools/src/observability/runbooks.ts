import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from '@keyfleet/testing';

const PAGE = 'docs/guide/runbooks.md';

export interface Runbook {
  readonly alert: string;
  readonly text: string;
}

/** The entries, one for each alert, under the heading an alert's link leads to. */
export function readRunbooks(root = process.cwd()): {
  readonly page: string;
  readonly entries: readonly Runbook[];
} {
  const page = readFileSync(join(root, PAGE), 'utf8');
  const entries = page
    .split(/^## /m)
    .slice(1)
    .map((part) => ({ alert: part.split('\n', 1)[0]?.trim() ?? '', text: part }));
  return { page, entries };
}

/** Commands of the blocks that only look, each once. */
export function looksIn(page: string): string[] {
  const lines = codeBlocks(page, 'sh').flatMap((block) => block.split('\n'));
  return [...new Set(lines.filter((line) => line.trim() !== ''))];
}

/** Statements the page hands to psql. */
export function queriesIn(page: string): string[] {
  return [
    ...new Set([...page.matchAll(/psql "\$KEYFLEET_DATABASE" -c "([^"]+)"/g)].map(([, sql = '']) => sql)),
  ];
}
