import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from '@keyfleet/testing';
import { askLauncher, listenForControl } from './control.js';
import { Layout } from './layout.js';
import { Ports } from './ports.js';
import { Progress } from './progress.js';
import { type RunFile, writeRunFile } from './run-file.js';

describe('asking a running launcher', () => {
  it('gives its answer, and an answer too where it could not do what was asked', async () => {
    const path = join(temporaryDirectory('control'), 's');
    const server = await listenForControl(async (asked) => {
      if (asked.command === 'status') return { ok: true, message: 'Here.' };
      throw new Error(`There is no agent ${asked.name}.`);
    }, path);
    expect(await askLauncher({ command: 'status' }, path)).toEqual({ ok: true, message: 'Here.' });
    expect(await askLauncher({ command: 'agent', action: 'start', name: 'x' }, path)).toEqual({
      ok: false,
      message: 'There is no agent x.',
    });
    await expect(listenForControl(async () => ({ ok: true, message: '' }), path)).rejects.toThrow(
      'Keyfleet is running here already. Here.\nEnd it first (Ctrl-C in its terminal), then: npm start',
    );
    server.close();
  });

  it('fails where none runs, and a socket left by a killed one is no obstacle', async () => {
    const path = join(temporaryDirectory('control'), 's');
    await expect(askLauncher({ command: 'status' }, path)).rejects.toThrow(/ENOENT/);
    const left = createServer().listen(path);
    await new Promise((resolve) => left.once('listening', resolve));
    left.close();
    const server = await listenForControl(async () => ({ ok: true, message: 'New.' }), path);
    expect(await askLauncher({ command: 'status' }, path)).toMatchObject({ message: 'New.' });
    server.close();
  });
});

describe('ports', () => {
  it('are the same at the next start, and others where somebody took them', async () => {
    const file = join(temporaryDirectory('ports'), 'ports.json');
    const first = new Ports(file);
    const [gateway, registry] = [await first.get('gateway'), await first.get('registry')];
    first.save();
    const taker = createServer().listen(registry, '127.0.0.1');
    await new Promise((resolve) => taker.once('listening', resolve));
    const second = new Ports(file);
    expect(await second.get('gateway')).toBe(gateway);
    expect(await second.get('registry')).not.toBe(registry);
    taker.close();
  });
});

describe('progress', () => {
  it('tells each step with its time, reminds while one takes long, and sums up', async () => {
    const lines: string[] = [];
    const progress = new Progress({ write: (text) => void lines.push(text.trimEnd()) }, 10);
    progress.add('build', 2);
    await progress.step('servers', async (say) => {
      say('unpacking');
      await new Promise((resolve) => setTimeout(resolve, 35));
    });
    await expect(progress.step('broken', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(lines[0]).toBe('  servers: unpacking');
    expect(lines).toContain('… servers (0 s)');
    expect(lines.at(-2)).toMatch(/^✓ servers \(0\.\d s\)$/);
    expect(lines.at(-1)).toBe('✗ broken');
    expect(progress.breakdown()).toMatch(/^build 2\.0 · servers 0\.\d = 2\.\d s$/);
  });
});

describe('the run file', () => {
  it('is written whole, for its owner only', () => {
    const path = join(temporaryDirectory('run'), 'run.json');
    writeRunFile(path, { ready: true } as RunFile);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ ready: true });
    expect(statSync(path).mode & 0o077).toBe(0);
  });
});

describe('logs', () => {
  it('are kept from start to start, and begin anew with one old generation once they are long', () => {
    const layout = new Layout(temporaryDirectory('layout'));
    layout.turnLogs();
    writeFileSync(layout.log('short'), 'x');
    writeFileSync(layout.log('long'), 'x'.repeat(100));
    layout.turnLogs(50);
    expect(readdirSync(layout.in('logs')).sort()).toEqual(['long.log.1', 'short.log']);
  });
});
