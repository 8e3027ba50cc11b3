import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { copiesOf, type Dockerfile, last, type Stage } from './dockerfile.js';

/**
 * What the runtime stage of our Dockerfile would hold, in a folder: the build's tree with production packages alone,
 * the stage's last command run on it for real, and of the rest exactly what COPY names. Returns the working folder.
 */
export function assembleImage(file: Dockerfile, root: string, directory: string): string {
  const [build, runtime] = file.stages;
  if (!build || !runtime) throw new Error('The Dockerfile is to have a build stage and a runtime stage.');
  const workdir = last(runtime, 'WORKDIR') ?? '';
  if (workdir !== last(build, 'WORKDIR')) throw new Error('Both stages are to work in one folder.');
  const tree = join(directory, 'build');
  copyContext(root, tree);
  copyPackages(root, tree);
  pruneAsToldBy(build, tree);
  const image = join(directory, 'image');
  for (const { sources, target } of copiesOf(runtime))
    for (const source of sources)
      copyInto({ tree, image, workdir, source, target, many: sources.length > 1 });
  return image;
}

/** The build context: what `.dockerignore` lets through, and `dist` as the build makes it. */
function copyContext(root: string, tree: string): void {
  const admitted = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  for (const path of admitted) {
    if (!existsSync(join(root, path))) throw new Error(`.dockerignore admits ${path}, which is not there.`);
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    cpSync(join(root, path), join(tree, path), {
      recursive: true,
      filter: (from) => !/\/node_modules(?:\/|$)|\.spec\.ts$/.test(from.slice(root.length)),
    });
  }
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly link?: boolean;
  readonly resolved?: string;
}

/** As `npm prune --omit=dev` leaves them, by what the lock file says. */
function copyPackages(root: string, tree: string): void {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const wanted = Object.entries(packages).filter(
    ([path, { dev }]) => path.startsWith('node_modules/') && !dev && existsSync(join(root, path)),
  );
  // A package that lies in another comes with it.
  const outer = wanted.map(([path]) => path).filter((path) => path.lastIndexOf('node_modules/') === 0);
  link(root, outer, tree);
}

/** Hard links cost no disk and little time; where that is not possible, copies. */
function link(root: string, paths: readonly string[], target: string): void {
  mkdirSync(target, { recursive: true });
  for (const flags of ['-al', '-a'])
    if (spawnSync('cp', [flags, '--parents', ...paths, target], { cwd: root, stdio: 'ignore' }).status === 0)
      return;
  throw new Error(`${paths.join(', ')} could not be copied.`);
}

/** Runs what the build stage does after it has pruned the packages. */
function pruneAsToldBy(build: Stage, tree: string): void {
  const command = last(build, 'RUN') ?? '';
  const [, rest] = /^npm prune --omit=dev [^&]*&& (.*)$/.exec(command) ?? [];
  if (!rest)
    throw new Error('The last command of the build stage is to prune the packages and clear the sources.');
  const done = spawnSync('sh', ['-ec', rest], { cwd: tree, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`The build stage would fail: ${done.stderr}`);
}

interface CopyStep {
  readonly tree: string;
  readonly image: string;
  readonly workdir: string;
  readonly source: string;
  readonly target: string;
  readonly many: boolean;
}

function copyInto({ tree, image, workdir, source, target, many }: CopyStep): void {
  const inside = (path: string, base: string): string =>
    join(base, resolve(workdir, path).slice(workdir.length));
  const from = inside(source, tree);
  if (!existsSync(from)) throw new Error(`COPY names ${source}, which the build does not make.`);
  const folder = many || target.endsWith('/') || target === '.';
  const to = folder ? join(inside(target, image), basename(source)) : inside(target, image);
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}
