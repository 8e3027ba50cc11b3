import { rmSync } from 'node:fs';
import { writePrivate } from '@keyfleet/embedded';
import { Layout } from '../launcher/layout.js';
import { runToEnd } from '../launcher/node-process.js';
import { BackupFailure } from './failure.js';
import type { Migrate } from './restore.js';

/** The registry's own migrations, as a process: it alone knows them. What it is told lies in files that go again. */
export function migrateByApp(root: string): Migrate {
  const layout = new Layout(root);
  return async (ownerUrl, upTo) => {
    const urlFile = layout.in('secrets', `restoring-url-${process.pid}`);
    const upToFile = layout.in('secrets', `restoring-migrations-${process.pid}`);
    writePrivate(urlFile, `${ownerUrl}\n`);
    if (upTo) writePrivate(upToFile, JSON.stringify(upTo));
    try {
      await runToEnd({
        name: 'registry migrate',
        script: layout.app('registry', 'migrate'),
        env: {
          KEYFLEET_DATABASE__OWNER_URL_FILE: urlFile,
          ...(upTo && { KEYFLEET_DATABASE__UP_TO_FILE: upToFile }),
        },
        logFile: layout.log('restore'),
        cwd: layout.root,
      });
    } catch (cause) {
      throw explained(cause);
    } finally {
      for (const file of [urlFile, upToFile]) rmSync(file, { force: true });
    }
  };
}

function explained(cause: unknown): BackupFailure {
  if (/MigrationDivergedError/.test(String((cause as Error)?.message)))
    return new BackupFailure(
      'restore.newer-schema',
      'The backup is of a database this build does not know.',
      { cause },
    );
  return new BackupFailure('restore.migration-failed', 'The migrations did not run through.', { cause });
}
