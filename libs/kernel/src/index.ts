export type { Clock } from './clock.js';
export { toTimestamp } from './clock.js';
export type { Decider } from './decider.js';
export { fold } from './decider.js';
export type { ErrorCode, ErrorDetails, ErrorKind, ErrorPointer } from './errors.js';
export { ERROR_CODES, isKeyfleetError, KeyfleetError, kindOf } from './errors.js';
export type { DomainEvent, EventMetadata } from './event.js';
export type { Id, IdPrefix } from './ids.js';
export { ID_PREFIXES, idPattern, isId } from './ids.js';
