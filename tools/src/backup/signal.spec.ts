import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KEYFLEET, runnable } from './testing/command.js';
import { furnish } from './testing/furnish.js';
import { newKey, World } from './testing/world.js';

it.each(['SIGINT', 'SIGTERM'] as const)(
  'F30: a restore that gets %s while it puts things in place brings it to its end',
  async (signal) => {
    const [world, key] = [await World.make(), await newKey()];
    await furnish(world);
    const { output } = await world.backup({ lock: { recipients: [key.recipient] } });
    await world.disconnect();
    rmSync(world.place.path('secrets/cursor-secret'));
    const identity = join(world.directory, 'key');
    writeFileSync(identity, key.identity);
    const child = spawn(process.execPath, [KEYFLEET, 'restore', output, '--identity', identity], {
      cwd: world.directory,
      env: runnable(world),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (!said.includes('Putting it in place') && `${said}${text}`.includes('Putting it in place'))
        child.kill(signal);
      said += text;
    });
    expect([...(await once(child, 'close')), said]).toEqual([
      0,
      null,
      expect.stringContaining('Restored: 7 events'),
    ]);
    expect(await world.databases()).toHaveLength(2);
    expect(existsSync(world.place.path('secrets/cursor-secret'))).toBe(true);
    await world.drop();
  },
  120_000,
);
