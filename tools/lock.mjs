// A registry that lacks some platforms' packages makes npm leave them out of the lock file, and `npm ci` then refuses
// it everywhere. `node tools/lock.mjs` completes the lock after `npm install <package>`; with `--check` it only looks.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const PLATFORM = /(?:^|-)(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)(?:-|$)/;
const PROCESSOR = /(?:^|-)(arm64|arm|ia32|loong64|ppc64|riscv64|s390x|x64)(?:-|$)/;

/** The entries a complete lock would have besides; exact versions only, for those are what platform packages use. */
function missingEntries(packages) {
  const missing = {};
  for (const [path, entry] of Object.entries(packages))
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {}))
      if (/^\d+\.\d+\.\d+/.test(version) && !isFound(packages, path, name))
        missing[`node_modules/${name}`] = describe(name, version, entry);
  return missing;
}

/** As Node looks for it: beside the package, then ever further up. */
function isFound(packages, path, name) {
  for (let base = path; ; base = base.slice(0, Math.max(base.lastIndexOf('/node_modules/'), 0))) {
    if (packages[`${base ? `${base}/` : ''}node_modules/${name}`]) return true;
    if (base === '') return false;
  }
}

function describe(name, version, parent) {
  const [, platform] = PLATFORM.exec(name) ?? [];
  const [, processor] = PROCESSOR.exec(name) ?? [];
  const entry = {
    version,
    cpu: processor && [processor],
    dev: parent.dev,
    devOptional: parent.devOptional,
    libc: platform === 'linux' ? libcOf(name) : undefined,
    license: parent.license,
    optional: true,
    os: platform && [platform],
  };
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined));
}

function libcOf(name) {
  if (name.includes('musl')) return ['musl'];
  return name.endsWith('-gnu') ? ['glibc'] : undefined;
}

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const missing = missingEntries(lock.packages);
const names = Object.keys(missing);
if (process.argv.includes('--check')) {
  for (const name of names) console.error(`package-lock.json lacks ${name}; run: node tools/lock.mjs`);
  process.exitCode = names.length > 0 ? 1 : 0;
} else if (names.length > 0) {
  const { '': root, ...rest } = { ...lock.packages, ...missing };
  const sorted = Object.entries(rest).sort(([one], [other]) => one.localeCompare(other, 'en'));
  lock.packages = { '': root, ...Object.fromEntries(sorted) };
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${names.length} entries added`);
}
