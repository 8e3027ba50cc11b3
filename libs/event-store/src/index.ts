export type * from './port.js';
export { MAX_APPEND_BYTES, MAX_APPEND_EVENTS, STREAM_NAME, streamCategory } from './port.js';
export { compareCounts, isCount, laterCount } from './position.js';
