import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { checkDisk, Explained } from './machine.mjs';

/**
 * `npm ci`, unless what is installed is what the lock file says. It begins by deleting every package, so not while an
 * installation runs on them: then `runningFor` is what is to be tried again after its end.
 */
export async function install(root, runningFor = undefined) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const hash = createHash('sha256').update(lock).digest('hex');
  const stamp = join(root, 'node_modules', '.keyfleet-lock-hash');
  if (read(stamp) === hash) return;
  if (!matches(root, lock)) {
    if (runningFor)
      throw new Explained(
        `Keyfleet runs here, on other packages than package-lock.json names; installing would take them away under it. End it first (Ctrl-C in its terminal), then: ${runningFor}`,
      );
    checkDisk(root);
    await runNpm(root);
  }
  writeFileSync(stamp, hash);
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Somebody may have installed by hand: npm leaves a list of what is there. */
function matches(root, lock) {
  const installed = read(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return false;
  const there = JSON.parse(installed).packages;
  return Object.entries(JSON.parse(lock).packages).every(
    ([path, wanted]) =>
      !path.startsWith('node_modules/') ||
      wanted.link ||
      there[path]?.version === wanted.version ||
      (wanted.optional && !there[path]),
  );
}

async function runNpm(root) {
  const started = Date.now();
  console.error('Installing packages (npm ci); the first time this takes a minute or two…');
  const heartbeat = setInterval(() => console.error(`  still installing (${seconds(started)} s)`), 15_000);
  try {
    await npmCi(root);
  } finally {
    clearInterval(heartbeat);
  }
  console.error(`Packages installed in ${seconds(started)} s.`);
}

function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}

function npmCi(root) {
  return new Promise((resolve, reject) => {
    // The pinned Node lies in the folder that npm empties first, so npm must not run on it.
    const path = (process.env.PATH ?? '')
      .split(delimiter)
      .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
      .join(delimiter);
    const child = spawn('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (error) => reject(explainNpm(error.code ?? '', '')));
    child.on('close', (code) => (code === 0 ? resolve() : reject(explainNpm(stderr, stderr))));
  });
}

const CAUSES = [
  [/^ENOENT$/, 'npm is not on PATH; install Node with npm and try again.'],
  [/ENOSPC/, 'The disk is full: the packages need about 1.5 GB; make room and try again.'],
  [
    /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET|E50[234]/,
    'The npm registry cannot be reached, and the packages are not in the npm cache; check the network or the registry in your .npmrc.',
  ],
  [/EACCES|EPERM|EROFS/, 'npm may not write to this folder; check who owns it.'],
  [
    /EUSAGE|in sync/,
    'package.json and package-lock.json do not fit together; run "npm install" and commit the lock.',
  ],
];

function explainNpm(text, stderr) {
  const cause = CAUSES.find(([pattern]) => pattern.test(text))?.[1];
  if (cause) return new Explained(cause);
  return new Explained(`npm ci failed:\n${stderr.trim().split('\n').slice(-12).join('\n')}`);
}
