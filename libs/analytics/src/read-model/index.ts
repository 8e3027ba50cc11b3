export { agentHistoryProjection } from './agent-history/projection.js';
export { type AgentsAsOf, agentsAsOf } from './agent-history/queries.js';
export { eventsProjection } from './events/projection.js';
export { type EventList, listEvents } from './events/queries.js';
export { analyticsMigrations } from './migrations.js';
