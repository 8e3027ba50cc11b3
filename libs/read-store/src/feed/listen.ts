import { type Listener, openListener } from '@keyfleet/postgres';
import type { ChangeNotice } from '../projection.js';
import { CHANNEL } from '../projections/announce.js';
import { pause } from '../projections/pause.js';
import { readNotice } from './notice.js';

export interface ListenOptions {
  /** Any role: notices name ids only, and rows are read under the subscriber's own rights. */
  readonly url: string;
  readonly applicationName: string;
  readonly onNotice: (notice: ChangeNotice) => void;
  /**
   * Called when the connection was lost, and once more when it is there again: what was announced in between is not
   * known, so caches are emptied and every subscriber reads anew, both times.
   */
  readonly onLost: () => void;
  /** A connection that died without a word is found out within two of these; 500 ms by default. */
  readonly probeMs?: number;
}

export interface Listening {
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** Listens to changes of read models on a connection of its own, for ever. Resolves once it does for the first time. */
export async function listenChanges(options: ListenOptions): Promise<Listening> {
  const closing = new AbortController();
  const first = await listenPatiently(options, closing.signal);
  const done = keepListening(options, first, closing.signal);
  return {
    close: () => {
      closing.abort();
      return done;
    },
  };
}

async function keepListening(
  options: ListenOptions,
  first: Listener | null,
  closing: AbortSignal,
): Promise<void> {
  for (let listener = first; listener !== null; listener = await listenPatiently(options, closing)) {
    if (listener !== first) options.onLost();
    await untilEnded(listener, closing);
    if (closing.aborted) return;
    options.onLost();
  }
}

/** Until there is a connection; `null` where closing comes first. */
async function listenPatiently(options: ListenOptions, closing: AbortSignal): Promise<Listener | null> {
  const { url, applicationName, probeMs } = options;
  const onPayload = (payload: string): void => {
    const notice = readNotice(payload);
    if (notice) options.onNotice(notice);
  };
  for (let wait = FIRST_PAUSE_MS; !closing.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    try {
      return await openListener({ url, applicationName, channel: CHANNEL, onPayload, probeMs });
    } catch {
      await pause(wait * (0.5 + Math.random() / 2), closing);
    }
  }
  return null;
}

async function untilEnded(listener: Listener, closing: AbortSignal): Promise<void> {
  const close = (): void => void listener.close();
  if (closing.aborted) close();
  closing.addEventListener('abort', close, { once: true });
  await listener.ended;
  closing.removeEventListener('abort', close);
}
