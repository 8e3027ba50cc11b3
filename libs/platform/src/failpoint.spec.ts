import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';

const SCRIPT = `
  import { registerSources } from ${JSON.stringify(join(process.cwd(), 'libs/testing/jest/register-sources.mjs'))};
  registerSources();
  const { failpoint } = await import(${JSON.stringify(join(process.cwd(), 'libs/platform/src/failpoint.ts'))});
  await failpoint('here');
  console.log('passed');
`;

function passing(
  failpoints: unknown,
  env: Record<string, string> = {},
): { out: string; signal: string | null } {
  const { stdout, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    env: { PATH: process.env.PATH, KEYFLEET_FAILPOINTS: JSON.stringify(failpoints), ...env },
    encoding: 'utf8',
  });
  return { out: stdout.trim(), signal };
}

describe('a failpoint', () => {
  it('is nothing unless its name is set', () => {
    expect(passing({ elsewhere: 'kill' })).toEqual({ out: 'passed', signal: null });
  });

  it('kills or throws exactly there', () => {
    expect(passing({ here: 'kill' })).toEqual({ out: '', signal: 'SIGKILL' });
    expect(passing({ here: 'throw' })).toEqual({ out: '', signal: null });
  });

  it('kills once when its file is there, so that a restarted process lives', () => {
    const file = join(temporaryDirectory('failpoint'), 'now');
    expect(passing({ here: { killWhenFile: file } }).out).toBe('passed');
    writeFileSync(file, '');
    expect(passing({ here: { killWhenFile: file } }).signal).toBe('SIGKILL');
    expect(existsSync(file)).toBe(false);
  });

  it('goes on once the file it waits for is there', () => {
    const file = join(temporaryDirectory('failpoint'), 'go');
    writeFileSync(file, '');
    expect(passing({ here: { pauseUntilFile: file } }).out).toBe('passed');
  });

  it('refuses to run in production', () => {
    expect(passing({ elsewhere: 'kill' }, { NODE_ENV: 'production' }).out).toBe('');
  });
});
