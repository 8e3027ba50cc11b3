import { ControlPlaneRestored, make } from '@keyfleet/contracts/events';
import type { EventStore } from '@keyfleet/event-store';
import { newId } from '@keyfleet/platform';
import { RESTORER } from './endings.js';
import { BackupFailure } from './failure.js';
import type { BackupHead } from './format.js';

/** The fact that a time was lost; by it the registry knows whom it may take back. */
export async function recordRestore(
  store: EventStore,
  { installationId, takenAt, position }: Pick<BackupHead, 'installationId' | 'takenAt' | 'position'>,
  at: string,
): Promise<void> {
  const stream = `installation-${installationId}`;
  const fact = make(ControlPlaneRestored, { takenAt, position });
  const revision = await store.streamRevision(stream);
  const event = { ...fact, id: newId('evt'), metadata: { orgId: null, actor: RESTORER, at } };
  const result = await store.append(stream, revision ?? 'no-stream', [event]);
  if (result.outcome === 'conflict')
    throw new BackupFailure('restore.check-failed', 'The restored store is in use.');
}
