import type { CommandMeta } from '@keyfleet/contracts/messages';
import type { RecordedEvent } from '@keyfleet/event-store';
import { type Id, KeyfleetError } from '@keyfleet/kernel';

/**
 * What this command did already, where it came with an Idempotency-Key. Throws `idempotency.mismatch` where the key was
 * used with another body.
 */
export function replayOf(
  events: readonly RecordedEvent[],
  meta: Pick<CommandMeta, 'commandId' | 'bodyHash'>,
): readonly RecordedEvent[] | undefined {
  if (meta.bodyHash === undefined) return undefined;
  const caused = events.filter(({ metadata }) => metadata.causationId === meta.commandId);
  if (caused.length === 0) return undefined;
  if (caused.some(({ metadata }) => metadata.bodyHash !== meta.bodyHash))
    throw new KeyfleetError('idempotency.mismatch');
  return caused;
}

/** For what shows a secret: the second time there is only its id. */
export function refuseToShowAgain(replayed: boolean, id: Id<'etk' | 'tok'>): void {
  if (replayed) throw new KeyfleetError('idempotency.shown-once', { extensions: { id } });
}
