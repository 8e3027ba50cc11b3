import type { CommandAnswer } from '@keyfleet/messaging';
import type { Handled } from './command-handler.js';

/** The answer to a command with where the store and the stream are after it. */
export function answer<Data>(
  data: Data,
  handled: Pick<Handled<unknown>, 'position' | 'revision'>,
): CommandAnswer<Data> {
  return { data, position: handled.position, revision: String(handled.revision) };
}
