import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findNode } from './build.mjs';
import { Explained } from './machine.mjs';

/**
 * These only talk to what runs already, or are told by it that it runs; to install or build under its feet would be
 * slow and wrong. npm writes its list of what is there last.
 */
export function goesAsItIs(root, command, running) {
  return (
    (['agent', 'keyfleet'].includes(command) || (running && command === 'start')) &&
    existsSync(join(root, 'tools', 'dist', `${command}.js`)) &&
    existsSync(join(root, 'node_modules', '.package-lock.json')) &&
    findNode(root) !== undefined
  );
}

/** What whoever is to try again later types. */
export function asTyped(command, [name]) {
  if (['start', 'test'].includes(command)) return `npm ${command}`;
  return command === 'proof' ? `npm run proof:${name}` : `npm run ${command}`;
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
