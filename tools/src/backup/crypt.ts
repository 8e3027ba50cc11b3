import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { Decrypter, Encrypter } from 'age-encryption';
import { BackupFailure } from './failure.js';

/** Who may open a backup: age recipients, or whoever knows the passphrase. Never both, as age has it. */
export type Lock = { readonly recipients: readonly string[] } | { readonly passphrase: string };
export type Key = { readonly identities: readonly string[] } | { readonly passphrase: string };

const RECIPIENT = /^age1[a-z0-9]{40,2000}$/;
const IDENTITY = /^AGE-SECRET-KEY-[A-Z0-9-]{40,2000}$/;
const MIN_PASSPHRASE = 12;

export function encrypted(plain: AsyncIterable<Uint8Array>, lock: Lock): AsyncIterable<Uint8Array> {
  const encrypter = new Encrypter();
  if ('passphrase' in lock) encrypter.setPassphrase(lock.passphrase);
  else for (const recipient of lock.recipients) addRecipient(encrypter, recipient);
  return streamed(encrypter.encrypt(webStream(plain)));
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw new BackupFailure('backup.no-recipient', 'That is not an age recipient (age1…).', { cause });
  }
}

/** Every byte it yields was authenticated; it fails where a chunk is missing, changed or in another's place. */
export function decrypted(file: AsyncIterable<Uint8Array>, key: Key): AsyncIterable<Uint8Array> {
  const decrypter = new Decrypter();
  if ('passphrase' in key) decrypter.addPassphrase(key.passphrase);
  else for (const identity of key.identities) decrypter.addIdentity(identity);
  return streamed(decrypter.decrypt(webStream(file)));
}

async function* streamed(opening: Promise<ReadableStream<Uint8Array>>): AsyncGenerator<Uint8Array> {
  yield* (await opening) as unknown as AsyncIterable<Uint8Array>;
}

function webStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return Readable.toWeb(
    Readable.from(source, { objectMode: true, highWaterMark: 4 }),
  ) as WebStream as ReadableStream<Uint8Array>;
}

/** One recipient per line, as age's own recipient files have them. */
export function recipientsOf(text: string): string[] {
  const lines = meaningful(text);
  if (lines.length === 0 || !lines.every((line) => RECIPIENT.test(line)))
    throw new BackupFailure(
      'backup.no-recipient',
      'The recipients are not age recipients (age1…), one per line.',
    );
  return lines;
}

/** As age-keygen writes them. */
export function readIdentities(path: string): string[] {
  const lines = meaningful(readFileSync(path, 'utf8'));
  if (lines.length === 0 || !lines.every((line) => IDENTITY.test(line)))
    throw new BackupFailure('restore.cannot-open', `${path} holds no age identity.`);
  return lines;
}

export function readPassphrase(path: string): string {
  return checkedPassphrase(readFileSync(path, 'utf8').split('\n')[0] ?? '');
}

export function checkedPassphrase(passphrase: string): string {
  if (passphrase.length < MIN_PASSPHRASE)
    throw new BackupFailure('backup.usage', `A passphrase has at least ${MIN_PASSPHRASE} characters.`);
  return passphrase;
}

function meaningful(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
