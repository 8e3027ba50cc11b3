import { setTimeout as timer } from 'node:timers/promises';
import { close, open, type SqlOptions } from './sql.js';

export interface ListenerOptions extends Pick<SqlOptions, 'url' | 'applicationName' | 'connectTimeoutMs'> {
  readonly channel: string;
  readonly onPayload: (payload: string) => void;
  /** A connection that died without a word is found out within two of these; 500 ms by default. */
  readonly probeMs?: number | undefined;
}

export interface Listener {
  /** Resolves when the connection is gone, by loss or by `close`. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** Listens on one connection, once: resolves when it does, rejects where it cannot. What follows a loss is the caller's choice. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { channel, onPayload, probeMs = 500 } = options;
  const end = new AbortController();
  const pool = open(
    { ...options, max: 1, idleInTransactionTimeoutMs: 0 },
    { onnotify: (from, payload) => from === channel && onPayload(payload), onclose: () => end.abort() },
  );
  try {
    await pool.sql`listen ${pool.sql(channel)}`;
  } catch (error) {
    await close(pool, 0);
    throw error;
  }
  const ended = probe(pool.sql, probeMs, end.signal).then(() => close(pool, 0));
  return {
    ended,
    close: () => {
      end.abort();
      return ended;
    },
  };
}

/** Until the connection is lost, does not answer in time, or is closed. */
async function probe(sql: ReturnType<typeof open>['sql'], everyMs: number, end: AbortSignal): Promise<void> {
  const rest = (): Promise<unknown> => timer(everyMs, false, { signal: end }).catch(() => false);
  while (!end.aborted) {
    await rest();
    if (end.aborted) return;
    const answered = sql`select true`.then(
      () => true,
      () => false,
    );
    if (!(await Promise.race([answered, rest()]))) return;
  }
}
