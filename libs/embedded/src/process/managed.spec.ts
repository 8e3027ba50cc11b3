import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory, waitFor } from '@keyfleet/testing';
import { startManaged } from './managed.js';

const logFile = (): string => join(temporaryDirectory('managed'), 'log');
const node = (script: string): { command: string; args: string[] } => ({
  command: process.execPath,
  args: ['-e', script],
});

describe('a managed process', () => {
  it('is given back once it is ready', async () => {
    const file = logFile();
    const child = await startManaged({
      name: 'fake',
      ...node('setTimeout(() => console.log("listening"), 50); setInterval(() => {}, 1000)'),
      logFile: file,
      ready: async (managed) => managed.logTail().includes('listening'),
    });
    expect(readFileSync(file, 'utf8')).toContain('listening');
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('that ends before it is ready is an error with the end of its log', async () => {
    const starting = startManaged({
      name: 'fake',
      ...node('console.error("no such luck"); process.exit(3)'),
      logFile: logFile(),
      ready: async () => false,
    });
    await expect(starting).rejects.toThrow(
      /fake ended before it was ready \(exit code 3\)[\s\S]*no such luck/,
    );
  });

  it('that never gets ready is killed', async () => {
    const file = logFile();
    const starting = startManaged({
      name: 'fake',
      ...node('console.log(process.pid); setInterval(() => {}, 1000)'),
      logFile: file,
      ready: async () => false,
      readyTimeoutMs: 300,
    });
    await expect(starting).rejects.toThrow(/not ready within/);
    const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
    await waitFor(() => !isAlive(pid));
  });

  it('that cannot be started at all is an error that names it', async () => {
    const starting = startManaged({ name: 'fake', command: '/nonexistent/server', logFile: logFile() });
    await expect(starting).rejects.toThrow(/fake could not be started/);
  });

  it('that ignores the request to stop is killed with its children when the grace is over', async () => {
    const file = logFile();
    const child = await startManaged({
      name: 'stubborn',
      ...node(
        `process.on('SIGTERM', () => {});
         const { spawn } = require('node:child_process');
         const grandchild = spawn('sleep', ['600']);
         console.log('grandchild ' + grandchild.pid);`,
      ),
      logFile: file,
      ready: async (managed) => managed.logTail().includes('grandchild'),
    });
    expect((await child.stop({ graceMs: 100 })).signal).toBe('SIGKILL');
    const grandchild = Number(/grandchild (\d+)/.exec(readFileSync(file, 'utf8'))?.[1]);
    await waitFor(() => !isAlive(grandchild));
  });

  it('ends with the process that started it, even when that is killed with -9', async () => {
    const folder = temporaryDirectory('launcher');
    const pidFile = join(folder, 'pid');
    const script = `
      import { registerSources } from ${JSON.stringify(join(process.cwd(), 'libs/testing/jest/register-sources.mjs'))};
      registerSources();
      const { startManaged } = await import(${JSON.stringify(join(process.cwd(), 'libs/embedded/src/index.ts'))});
      const { writeFileSync } = await import('node:fs');
      const child = await startManaged({
        name: 'sleeper', command: 'sleep', args: ['600'], logFile: ${JSON.stringify(join(folder, 'log'))}, endWithUs: 'SIGTERM',
      });
      writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      setInterval(() => {}, 1000);
    `;
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    await waitFor(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    expect(isAlive(pid)).toBe(true);
    launcher.kill('SIGKILL');
    await waitFor(() => !isAlive(pid));
  });
});

/** A zombie nobody has waited for is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
