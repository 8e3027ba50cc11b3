export { livenessMigrations } from './last-seen/migrations.js';
export type { DetectionNowTable, LastSeenTable, LastSeenTables } from './last-seen/tables.js';
export { watchedAgents } from './last-seen/watched-agents.js';
