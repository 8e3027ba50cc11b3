export { systemClock } from './clock.js';
export { deriveId, newId } from './ids.js';
