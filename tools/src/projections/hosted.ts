import { agentHistoryProjection, eventsProjection } from '@keyfleet/analytics/read-model';
import { directoryProjection } from '@keyfleet/identity/read-model';
import type { Projection } from '@keyfleet/read-store';
import {
  agentsProjection,
  enrolmentTokensProjection,
  groupsProjection,
  watchedAgents,
} from '@keyfleet/registry/read-model';

/** Every projection of this build, by whichever service it is hosted. */
export const HOSTED: readonly Projection[] = [
  agentHistoryProjection,
  agentsProjection,
  directoryProjection,
  enrolmentTokensProjection,
  eventsProjection,
  groupsProjection,
  watchedAgents,
];
