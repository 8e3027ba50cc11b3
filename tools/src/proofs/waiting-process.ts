import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProof } from './run-proof.js';

/** A proof that has started something and waits for ever: says its folder and the process. For the frame's own test. */
await runProof('waiting', async ({ directory, say }) => {
  const child = spawn('sleep', ['600']);
  writeFileSync(join(directory, 'something'), '');
  say(JSON.stringify({ directory, child: child.pid }));
  return new Promise(() => {});
});
