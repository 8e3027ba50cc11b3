import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

/** Each is one command that ends with 0 when all is well; `npm run check -- lint types` runs only those named. */
const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '-p', '.'] },
  ...(existsSync('apps/web/tsconfig.json')
    ? [{ name: 'types of the dashboard', command: ['tsc', '-p', 'apps/web', '--noEmit'] }]
    : []),
  { name: 'lint', command: ['eslint', '.', '--cache', '--cache-location', 'node_modules/.cache/eslint/'] },
  { name: 'directions', command: ['depcruise', 'libs', 'apps', 'tools/src'] },
  { name: 'dead code', command: ['knip', '--no-config-hints'] },
  { name: 'format', command: ['biome', 'ci', '--colors=off', '.'] },
  { name: 'lock file', command: ['node', 'tools/lock.mjs', '--check'] },
];

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

function run({ command }: Check): Promise<Outcome> {
  const [name = '', ...args] = command;
  const file = name === 'node' ? process.execPath : join('node_modules', '.bin', name);
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error) => resolve({ passed: false, output: error.message }));
    child.on('close', (code) => resolve({ passed: code === 0, output }));
  });
}

const wanted = process.argv.slice(2);
const chosen = wanted.length > 0 ? CHECKS.filter(({ name }) => wanted.includes(name)) : CHECKS;
let failed = 0;
for (const check of chosen) {
  const started = performance.now();
  const { passed, output } = await run(check);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${passed ? 'passed' : 'FAILED'}  ${check.name} (${seconds} s)\n`);
  if (!passed) {
    failed += 1;
    process.stdout.write(`${output.trimEnd()}\n\n`);
  }
}
process.stdout.write(`checks: ${chosen.length - failed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
process.disconnect?.();
