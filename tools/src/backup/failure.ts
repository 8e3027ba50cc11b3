/** What went wrong and what to do about it; exit codes tell scripts which. */
export const FAILURES = {
  'backup.usage': [1, 'See: npm run keyfleet -- backup --help'],
  'backup.no-recipient': [
    1,
    'Name who may open it: --recipient age1… (make a key with: npm run keyfleet -- backup key --output FILE), or --passphrase-file FILE.',
  ],
  'backup.file-exists': [1, 'Name another file with --output, or move the one that is there away.'],
  'backup.no-installation': [
    2,
    'Start it once in this folder (npm start), or name its PostgreSQL and its authority; see docs/guide/backup.md.',
  ],
  'backup.keys-changed': [2, 'Keys or settings were changed while they were copied; take the backup again.'],
  'backup.kurrentdb': [
    2,
    'Take a backup of KurrentDB with its own tools, then one of this PostgreSQL with pg_dump, then a copy of the authority folder; docs/guide/backup.md says in which order and why.',
  ],
  'restore.cannot-open': [
    3,
    'Name the identity (--identity FILE) or the passphrase (--passphrase-file FILE) this backup was encrypted for.',
  ],
  'restore.damaged': [3, 'Nothing was changed. Fetch the file again, or take another backup.'],
  'restore.not-a-backup': [3, 'Nothing was changed. Name a file that `keyfleet backup` wrote.'],
  'restore.running': [
    4,
    'Nothing was changed. Stop every Keyfleet service of this installation first; agents may stay as they are.',
  ],
  'restore.newer-schema': [
    4,
    'Nothing was changed. Restore with the version that took the backup, or a later one.',
  ],
  'restore.foreign': [
    4,
    'Nothing was changed. If this installation really is to become that one, add --replace-installation.',
  ],
  'restore.check-failed': [5, 'The installation is as it was. Take another backup, and report this one.'],
  'restore.migration-failed': [5, 'The installation is as it was. The end of the log says why.'],
  'restore.not-written': [
    5,
    'The installation is as it was. Make room, and see to it that its folders may be written and nothing is in the way.',
  ],
  'restore.not-undone': [
    6,
    'Start nothing. The database as it was has _before_ in its name, the keys as they were lie in folders and files with before in theirs: give both their names back, or restore again.',
  ],
} as const;

export type FailureCode = keyof typeof FAILURES;

export class BackupFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackupFailure';
    this.code = code;
  }

  get exitCode(): number {
    return FAILURES[this.code][0];
  }

  get remedy(): string {
    return FAILURES[this.code][1];
  }
}

export function isBackupFailure(error: unknown): error is BackupFailure {
  return error instanceof Error && 'code' in error && String(error.code) in FAILURES && 'remedy' in error;
}
