export { LAST_SEEN_TABLES } from './migrations.js';
