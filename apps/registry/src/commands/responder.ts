import type { HandleCommandOptions } from '@keyfleet/messaging';

/** Where responders report what was none of their callers' doing. */
export const RESPONDER_OPTIONS = Symbol('ResponderOptions');

export type ResponderOptions = HandleCommandOptions & Required<Pick<HandleCommandOptions, 'onError'>>;
