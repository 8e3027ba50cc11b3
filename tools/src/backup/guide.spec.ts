import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks } from '@keyfleet/testing';
import { KEYFLEET, ROOT, runnable } from './testing/command.js';
import { event, World } from './testing/world.js';

const GUIDE = readFileSync(join(ROOT, 'docs/guide/backup.md'), 'utf8');
const TOOL = `'${process.execPath}' '${KEYFLEET}'`;

/** Blocks of the guide that are commands: `sh`, and `sh age` for those that need age itself. */
const commands = (language: string): string[] =>
  codeBlocks(GUIDE, language).flatMap((block) => block.trim().split('\n'));

const age = [process.env['KEYFLEET_TEST_AGE'] ?? '', '/usr/bin/age'].find((path) => path && existsSync(path));

it('the guide’s commands do what it says, one after the other', async () => {
  const world = await World.make();
  await world
    .store()
    .append(`detection-${world.installationId}`, 'no-stream', [event('DetectionResumed', {})]);
  await world.disconnect();
  const env = runnable(world);
  const said: string[] = [];
  const run = (command: string) => {
    const done = spawnSync('sh', ['-c', command.replaceAll('npm run keyfleet --', TOOL)], {
      cwd: world.directory,
      env,
      encoding: 'utf8',
    });
    said.push(done.stderr);
    expect(`${command}: ${done.status}, ${done.status === 0 ? '' : done.stderr}`).toBe(`${command}: 0, `);
  };
  for (const command of commands('sh')) run(command);
  expect(commands('sh').length).toBeGreaterThan(5);
  expect(said.join('\n')).toMatch(/is whole: [\s\S]*Restored: 1 events[\s\S]*Dropped .*_before_/);
  expect(await world.databases()).toEqual([world.place.database]);
  for (const command of commands('sh other')) run(command);
  const told = await world.store().readStream(`installation-${world.installationId}`);
  expect(told.map(({ data }) => (data as { takenAt: string }).takenAt)[1]).toBe('2026-01-31T12:00:00.000Z');
  await world.disconnect();
  if (age) {
    const [command = ''] = commands('sh age');
    const listed = execFileSync('sh', ['-c', command.replace(/^age/, age)], {
      cwd: world.directory,
      encoding: 'utf8',
    });
    expect(listed).toContain('files/authority/ca.key');
  }
  await world.drop();
}, 300_000);

it('the guide shows no command with a passphrase or a key in it', () => {
  for (const command of [...commands('sh'), ...commands('sh age')])
    expect(command).not.toMatch(/AGE-SECRET-KEY|--passphrase[= ]/);
});
