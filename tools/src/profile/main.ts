import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CpuProfile, hottest, processName, readProfile } from './cpu-profile.js';

const SHOWN = 15;

/** `npm run profile -- <bench> [options of the bench]`: a CPU profile of every Node process that took part. */
const [bench, ...options] = process.argv.slice(2);
if (bench === undefined || bench.startsWith('-')) {
  process.stderr.write(
    'npm run profile -- <bench> [--sizes …]; `npm run bench -- --help` names the benches.\n',
  );
  process.exit(1);
}
const directory = resolve('.keyfleet/profiles', bench);
rmSync(directory, { recursive: true, force: true });
mkdirSync(directory, { recursive: true, mode: 0o700 });
const child = spawn(
  process.execPath,
  [join(import.meta.dirname, '..', 'bench', 'main.js'), bench, ...options],
  { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${directory}` } },
);
const [code] = (await once(child, 'exit')) as [number | null];
for (const file of readdirSync(directory)) tell(join(directory, file));
process.stdout.write(`\nOpen the files of ${directory} in Chrome's DevTools (Performance) or speedscope.\n`);
process.exit(code ?? 1);

function tell(file: string): void {
  const profile: CpuProfile = readProfile(file);
  const name = processName(profile);
  const named = join(
    directory,
    `${name}-${/\.(\d+)\.\d+\.\d+\.cpuprofile$/.exec(file)?.[1] ?? ''}.cpuprofile`,
  );
  renameSync(file, named);
  const { busySeconds, functions } = hottest(profile, SHOWN);
  if (busySeconds < 1) return;
  process.stdout.write(`\n${name}: busy for ${busySeconds.toFixed(1)} s  (${named})\n`);
  for (const { share, where } of functions)
    process.stdout.write(`  ${(share * 100).toFixed(1).padStart(5)} %  ${where}\n`);
}
