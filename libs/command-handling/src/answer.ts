import type { CommandAnswer } from '@keyfleet/messaging';
import type { Handled } from './command-handler.js';

/** The answer to a command with where the store and the stream are after it, and whether it changed anything at all. */
export function answer<Data>(
  data: Data,
  { position, revision, events }: Pick<Handled<unknown>, 'position' | 'revision' | 'events'>,
): CommandAnswer<Data> {
  const unchanged = events.length === 0;
  return { data, position, revision: String(revision), ...(unchanged && { unchanged }) };
}
