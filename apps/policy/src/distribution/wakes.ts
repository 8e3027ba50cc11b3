import type { EventStore, RecordedEvent } from '@keyfleet/event-store';

/** What changes what agents should decide by, or what rollouts go by. Drafts and reviews do not. */
const CAUSES = {
  categories: ['policy', 'agent', 'group'],
  types: [
    ...['PolicyPublished', 'PolicyRetired', 'PolicyAssigned', 'PolicyUnassigned'],
    ...['RolloutStarted', 'RolloutAdvanced', 'RolloutPaused', 'RolloutResumed', 'RolloutHalted'],
    ...['RolloutCompleted', 'AgentEnrolled', 'AgentLabelled', 'GroupDefined', 'GroupRemoved'],
  ],
};

/**
 * Tells of each cause that happens from now on, as soon as it is stored. One that is missed costs the time until the
 * next look at everything. Ends with the signal; throws where the store was put back to an earlier time.
 */
export async function followCauses(
  store: Pick<EventStore, 'subscribe' | 'headPosition'>,
  onCause: (event: RecordedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const after = await store.headPosition();
  for await (const items of store.subscribe({ after, filter: CAUSES, signal })) {
    for (const item of items) if (item.kind === 'event') onCause(item.event);
  }
}
