import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { askHidden } from './ask.js';
import {
  checkedPassphrase,
  type Key,
  type Lock,
  readIdentities,
  readPassphrase,
  recipientsOf,
} from './crypt.js';
import { BackupFailure } from './failure.js';

export const BACKUP_USAGE = `npm run keyfleet -- backup [--output FILE] (--recipient age1… | --recipients-file FILE | --passphrase-file FILE | --passphrase)
npm run keyfleet -- backup verify FILE (--identity FILE | --passphrase-file FILE | --passphrase)
npm run keyfleet -- backup key --output FILE
npm run keyfleet -- restore FILE (--identity FILE | --passphrase-file FILE | --passphrase) [options]
npm run keyfleet -- restore --drop-previous
npm run keyfleet -- restore --declare TIME

  --recipient age1…       who may open it; may be given more than once
  --recipients-file FILE  the same, one per line
  --identity FILE         the age identity that opens it; may be given more than once
  --passphrase-file FILE  the first line of the file; --passphrase asks for it. Never in an argument
  --dry-run               (restore) look at everything, change nothing
  --replace-installation  (restore) what is here is another installation and becomes this one
  --revoke-api-tokens     (restore) end every API token: some may have been revoked after the backup
  --drop-previous         (restore) drop the databases earlier restores have kept
  --declare TIME          (restore) the stores were put back by other means, as of this moment
  --json                  the result as one JSON object on standard output

Keyfleet may run while a backup is taken; it is to be stopped while one is restored. Agents may stay as they are.
See docs/guide/backup.md. Exit codes: 0 done, 1 wrong use, 2 nothing to back up, 3 the file is not usable,
4 refused, 5 failed with nothing changed, 6 failed and to be put back by hand.`;

const OPTIONS = {
  output: { type: 'string' },
  recipient: { type: 'string', multiple: true, default: [] as string[] },
  'recipients-file': { type: 'string' },
  identity: { type: 'string', multiple: true, default: [] as string[] },
  'passphrase-file': { type: 'string' },
  passphrase: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  'replace-installation': { type: 'boolean', default: false },
  'revoke-api-tokens': { type: 'boolean', default: false },
  'drop-previous': { type: 'boolean', default: false },
  declare: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

export function parseBackupArgs(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (cause) {
    const unknown = (cause as NodeJS.ErrnoException).code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION';
    throw new BackupFailure(
      'backup.usage',
      unknown ? 'There is no such option.' : 'The options are not understood.',
      {
        cause,
      },
    );
  }
}
export type Given = ReturnType<typeof parseBackupArgs>['values'];

export async function lockOf(given: Given): Promise<Lock> {
  const passphrase = await passphraseOf(given, 'Passphrase for the backup: ');
  const recipients = [
    ...recipientsIn(given.recipient.join('\n')),
    ...(given['recipients-file'] ? recipientsOf(readFileSync(given['recipients-file'], 'utf8')) : []),
  ];
  if (passphrase !== undefined && recipients.length > 0)
    throw new BackupFailure('backup.usage', 'A backup is for recipients or under a passphrase, not both.');
  if (passphrase !== undefined) return { passphrase };
  if (recipients.length === 0)
    throw new BackupFailure('backup.no-recipient', 'Nobody is named who may open the backup.');
  return { recipients };
}

function recipientsIn(text: string): string[] {
  return text === '' ? [] : recipientsOf(text);
}

export async function keyOf(given: Given): Promise<Key> {
  const passphrase = await passphraseOf(given, 'Passphrase of the backup: ');
  if (passphrase !== undefined) return { passphrase };
  const identities = given.identity.flatMap(readIdentities);
  if (identities.length === 0)
    throw new BackupFailure('restore.cannot-open', 'Nothing is named that opens the backup.');
  return { identities };
}

async function passphraseOf(given: Given, question: string): Promise<string | undefined> {
  const file = given['passphrase-file'];
  if (file) return readPassphrase(file);
  return given.passphrase ? checkedPassphrase(await askHidden(question)) : undefined;
}
