export type * from './port.js';
export { STREAM_NAME, streamCategory } from './port.js';
