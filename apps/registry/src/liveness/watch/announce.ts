import type { EventStore } from '@keyfleet/event-store';
import { type DomainEvent, toTimestamp } from '@keyfleet/kernel';
import type { Sql } from '@keyfleet/postgres';
import { appendMissing, type FactMaker } from '../store-facts.js';
import { type Detection, saveAnnounced } from './detection.js';

export interface AnnounceOptions {
  readonly sql: Sql;
  readonly store: EventStore;
  readonly facts: FactMaker;
  readonly installationId: string;
  readonly recorded: (type: string, count: number) => void;
}

/** Pauses and resumptions the store has not been told of, in order. */
function dueFacts({ coverage, announcedPause, announcedResume }: Detection): readonly DomainEvent[] {
  const { episode, pausedSince, reason, resumedAt, watching } = coverage;
  if (pausedSince === null) return [];
  const due: DomainEvent[] = [];
  const since = toTimestamp(pausedSince);
  if (announcedPause < episode) due.push({ type: 'DetectionPaused', v: 1, data: { since, reason } });
  if (watching && announcedResume < episode && resumedAt !== null)
    due.push({
      type: 'DetectionResumed',
      v: 1,
      data: { pausedAt: since, resumedAt: toTimestamp(resumedAt) },
    });
  return due;
}

/**
 * Tells the store when this installation was blind: once, with true times, also where that was while the store itself
 * was away. Rejects with `store.unavailable` while it is; the next watch tries again.
 */
export async function announce(detection: Detection, options: AnnounceOptions): Promise<void> {
  const events = dueFacts(detection);
  if (events.length === 0) return;
  const { installationId, store, facts } = options;
  const { episode, pausedSince, watching } = detection.coverage;
  const parts = [installationId, String(episode), String(pausedSince)];
  const made = events.map((event) => facts.make(event, { orgId: null, parts }));
  const { revision, appended } = await appendMissing(
    store,
    `detection-${installationId}`,
    detection.revision,
    made,
  );
  await saveAnnounced(options.sql, installationId, {
    ...detection,
    announcedPause: episode,
    announcedResume: watching ? episode : detection.announcedResume,
    revision,
  });
  if (appended > 0) for (const { type } of made.slice(-appended)) options.recorded(type, 1);
}
