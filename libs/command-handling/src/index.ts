export { Access, type AccessDirectory, type Grant } from './access.js';
export { answer } from './answer.js';
export { type Decision, type Handled, type HandlerParts, handle } from './command-handler.js';
export { refuseToShowAgain, replayOf } from './idempotency.js';
export { foldRecorded, type Loaded, load } from './load.js';
export { RESPONDER_OPTIONS, type ResponderOptions, translateFailure } from './responder.js';
