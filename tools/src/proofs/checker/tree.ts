import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Patch } from './mutants.js';

/** Throws where the text to be replaced does not stand there exactly once: a patch that does nothing proves nothing. */
export function applyPatch(text: string, { file, find, put }: Patch): string {
  const times = text.split(find).length - 1;
  if (times !== 1)
    throw new Error(`A planted bug does not fit ${file} any more: its place is there ${times} times.`);
  return text.replace(find, () => put);
}

/** Throws where one of them does not apply to the sources as they are. */
export function patched(root: string, patches: readonly Patch[]): Map<string, string> {
  const texts = new Map<string, string>();
  for (const patch of patches) {
    const text = texts.get(patch.file) ?? readFileSync(join(root, patch.file), 'utf8');
    texts.set(patch.file, applyPatch(text, patch));
  }
  return texts;
}

/**
 * A copy of the built tree under another folder, with its own packages of ours and everybody else's by link. What is
 * patched is built again there.
 */
export function plant(root: string, target: string, patches: readonly Patch[]): void {
  const texts = patched(root, patches);
  for (const group of ['apps', 'libs', '.']) copyProjects(root, target, group);
  linkPackages(join(root, 'node_modules'), join(target, 'node_modules'));
  mkdirSync(join(target, '.keyfleet'), { recursive: true });
  const vendor = join(root, '.keyfleet', 'vendor');
  mkdirSync(vendor, { recursive: true });
  symlinkSync(vendor, join(target, '.keyfleet', 'vendor'));
  const projects = new Set([...texts.keys()].map((file) => file.split('/').slice(0, 2).join('/')));
  for (const project of projects)
    cpSync(join(root, project, 'src'), join(target, project, 'src'), { recursive: true });
  for (const [file, text] of texts) writeFileSync(join(target, file), text);
  for (const file of ['swc.mjs', 'package.json']) cpSync(join(root, file), join(target, file));
  if (projects.size > 0)
    execFileSync(process.execPath, ['tools/build.mjs', ...projects], { cwd: target, stdio: 'pipe' });
}

function copyProjects(root: string, target: string, group: string): void {
  const names = group === '.' ? ['tools'] : readdirSync(join(root, group));
  for (const name of names) {
    const from = join(root, group, name);
    if (!existsSync(join(from, 'dist'))) continue;
    const to = join(target, group, name);
    mkdirSync(to, { recursive: true });
    for (const entry of ['dist', 'package.json', 'build.mjs'])
      if (existsSync(join(from, entry))) cpSync(join(from, entry), join(to, entry), { recursive: true });
  }
}

/** Ours lead to the copies, because their links are relative; all others to the one installation. */
function linkPackages(from: string, to: string): void {
  mkdirSync(join(to, '@keyfleet'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name === '@keyfleet') continue;
    symlinkSync(join(from, name), join(to, name));
  }
  for (const name of readdirSync(join(from, '@keyfleet')))
    symlinkSync(readlinkSync(join(from, '@keyfleet', name)), join(to, '@keyfleet', name));
}
