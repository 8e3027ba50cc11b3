import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Patch } from '../checker/mutants.js';
import { patched } from '../checker/tree.js';

const ENGINE = 'libs/policy-engine';

/**
 * A copy of the engine's sources with these changes, in a folder of its own; what it uses of others is as installed.
 * Gives the file to import: compiled where we are, or the source where we run from sources ourselves.
 */
export function plantEngine(root: string, directory: string, patches: readonly Patch[]): string {
  const texts = patched(root, patches);
  mkdirSync(join(directory, ENGINE), { recursive: true });
  cpSync(join(root, ENGINE, 'src'), join(directory, ENGINE, 'src'), { recursive: true });
  cpSync(join(root, ENGINE, 'package.json'), join(directory, ENGINE, 'package.json'));
  for (const [file, text] of texts) writeFileSync(join(directory, file), text);
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  if (import.meta.filename.endsWith('.ts')) return join(directory, ENGINE, 'src', 'index.ts');
  execFileSync(process.execPath, [join(root, 'tools', 'build.mjs'), join(directory, ENGINE)], {
    stdio: 'pipe',
  });
  return join(directory, ENGINE, 'dist', 'index.js');
}
