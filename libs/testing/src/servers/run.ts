import { mkdirSync, mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder that goes away with the test run. */
export function temporaryDirectory(label = 'files'): string {
  const run = process.env.KEYFLEET_TEST_RUN ?? tmpdir();
  mkdirSync(run, { recursive: true });
  return mkdtempSync(join(run, `${label}-`));
}

/** Asks Jest's own process for a shared server; the first to ask waits for its start. */
export function askForServer(name: string): Promise<unknown> {
  const run = process.env.KEYFLEET_TEST_RUN;
  if (!run)
    throw new Error(
      'Shared servers come with the test run: run Jest with the jest.config.mjs of the repository.',
    );
  return new Promise((resolve, reject) => {
    const socket = connect(join(run, 'servers.sock'));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('connect', () => socket.write(`${name}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('end', () => {
      const answer = JSON.parse(text) as { error?: string };
      if (answer.error) reject(new Error(answer.error));
      else resolve(answer);
    });
  });
}
