import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Explained } from './machine.mjs';

/** These only talk to what runs already; building under its feet would be slow and wrong. */
export function canGoWithoutBuild(root, command) {
  return ['agent', 'keyfleet'].includes(command) && existsSync(join(root, 'tools', 'dist', `${command}.js`));
}

/** The built file of a command and what it is to be given. */
export function toolEntry(root, command, args) {
  const dist = join(root, 'tools', 'dist');
  if (command === 'proof') return proofEntry(dist, args);
  const found = entryOf(dist, command ?? '');
  if (!found) throw new Explained(`There is no command "${command ?? ''}"; see the scripts in package.json.`);
  return [found, ...args];
}

function proofEntry(dist, [name, ...args]) {
  const folder = join(dist, 'proofs');
  const found = name ? entryOf(folder, name) : undefined;
  if (found) return [found, ...args];
  throw new Explained(`There is no proof "${name ?? ''}"; there are: ${proofNames(folder).join(', ')}.`);
}

function entryOf(folder, name) {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) return undefined;
  return [join(folder, `${name}.js`), join(folder, name, 'main.js')].find((file) => existsSync(file));
}

function proofNames(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => entry.name.replace(/\.js$/, ''))
    .filter((name) => entryOf(folder, name));
}

/** Jest's worker processes inherit these flags. */
export function jestArguments(args) {
  return [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join('node_modules', 'jest', 'bin', 'jest.js'),
    ...args,
  ];
}
