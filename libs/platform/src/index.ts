export { systemClock } from './clock.js';
export { failpoint, readFailpoints } from './failpoint.js';
export { deriveId, newId } from './ids.js';
