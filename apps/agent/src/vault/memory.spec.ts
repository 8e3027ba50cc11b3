import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

it('S31: after a lock no value and no master key is left in any Buffer of the process', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keyfleet-memory-'));
  const sources = join(process.cwd(), 'libs/testing/jest/register.mjs');
  const script = join(process.cwd(), 'apps/agent/src/vault/memory-scan.contract.ts');
  const { stdout } = await run(process.execPath, ['--expose-gc', '--import', sources, script, directory]);
  const { control, left } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  // The scan does find what is there: the one value that was kept on purpose.
  expect(control).toBeGreaterThanOrEqual(1);
  expect(left).toBe(0);
  rmSync(directory, { recursive: true });
}, 300_000);
