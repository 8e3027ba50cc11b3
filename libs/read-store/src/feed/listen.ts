import { closeSql, createSql } from '@keyfleet/postgres';
import { z } from 'zod';
import type { ChangeNotice } from '../projection.js';

const CHANNEL = 'keyfleet_changed';
/** A connection that died without a word is found out after two of these. */
const PROBE_MS = 5_000;

const notice: z.ZodType<ChangeNotice> = z.object({
  readModel: z.string(),
  orgId: z.string().nullable(),
  ids: z.array(z.string()),
  position: z.string().nullable(),
});

export interface ListenOptions {
  /** Any role: notices name ids only, and rows are read under the subscriber's own rights. */
  readonly url: string;
  readonly applicationName: string;
  readonly onNotice: (notice: ChangeNotice) => void;
  /** The connection was lost and is there again: what was announced meanwhile is not known. */
  readonly onLost: () => void;
}

export interface Listening {
  close(): Promise<void>;
}

/** Listens to changes of read models on one connection of its own, for ever. */
export async function listenChanges(options: ListenOptions): Promise<Listening> {
  let closed = false;
  let listening = false;
  const sql = createSql({
    url: options.url,
    applicationName: options.applicationName,
    max: 1,
    idleInTransactionTimeoutMs: 0,
  });
  const listen = await sql.listen(
    CHANNEL,
    (payload) => {
      const parsed = notice.safeParse(readJson(payload));
      if (parsed.success) options.onNotice(parsed.data);
    },
    () => {
      // Called for the first LISTEN and again after each reconnect.
      if (listening && !closed) options.onLost();
      listening = true;
    },
  );
  const probe = setInterval(() => void sql`select 1`.catch(() => undefined), PROBE_MS);
  return {
    close: async () => {
      closed = true;
      clearInterval(probe);
      await listen.unlisten().catch(() => undefined);
      await closeSql(sql, 1_000);
    },
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
