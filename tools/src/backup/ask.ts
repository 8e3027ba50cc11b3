import { BackupFailure } from './failure.js';

const [ENTER, LINE_FEED, INTERRUPT, BACKSPACE, DELETE] = [13, 10, 3, 8, 127];

/** Reads a line from the terminal without showing it. Only a person is asked. */
export function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY)
    throw new BackupFailure(
      'backup.usage',
      'There is no terminal to ask for the passphrase; use --passphrase-file.',
    );
  stderr.write(question);
  stdin.setRawMode(true);
  stdin.resume();
  const typed: number[] = [];
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off('data', onData);
      stderr.write('\n');
    };
    const onData = (bytes: Buffer): void => {
      for (const byte of bytes) {
        if (byte === INTERRUPT) {
          done();
          return reject(new BackupFailure('backup.usage', 'Nothing was entered.'));
        }
        if (byte === ENTER || byte === LINE_FEED) {
          done();
          return resolve(Buffer.from(typed).toString('utf8'));
        }
        if (byte === BACKSPACE || byte === DELETE) typed.pop();
        else typed.push(byte);
      }
    };
    stdin.on('data', onData);
  });
}
