/** The two methods the gateway's edge needs of a logger. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export const LOGGER = Symbol('Logger');
