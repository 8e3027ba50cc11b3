import { BackupFailure } from './failure.js';

const TAB = 0x09;
const NEWLINE = 0x0a;

/** Goes over rows of `store.events`: positions rise from row to row and times never fall, as no reader may see otherwise. */
export class EventOrder {
  newest = 0n;
  #recordedAt = '';

  take(rows: Buffer): void {
    for (let at = 0; at < rows.length; ) {
      const tab = rows.indexOf(TAB, at);
      const next = rows.indexOf(TAB, tab + 1);
      const end = rows.indexOf(NEWLINE, next);
      if (tab < 0 || next < 0 || end < 0) throw broken('a row has no position and time');
      const position = BigInt(rows.toString('latin1', at, tab));
      const recordedAt = normal(rows.toString('latin1', tab + 1, next));
      if (position <= this.newest) throw broken('an event stands behind a later one');
      if (recordedAt < this.#recordedAt) throw broken('an event is older than the one before it');
      this.newest = position;
      this.#recordedAt = recordedAt;
      at = end + 1;
    }
  }
}

/** `2026-01-02 03:04:05.67+00`: PostgreSQL leaves out trailing zeros, and text order is to be time order. */
function normal(text: string): string {
  return text
    .slice(0, -3)
    .padEnd(19)
    .replace(' ', 'T')
    .concat(text.length > 22 ? '' : '.')
    .padEnd(26, '0');
}

function broken(why: string): BackupFailure {
  return new BackupFailure('restore.damaged', `The events in the backup are out of order: ${why}.`);
}
