import { Writable } from 'node:stream';
import { context, trace } from '@opentelemetry/api';
import { type Bindings, type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { isTracing } from '../operations/spans.js';
import { redact, scrub } from './redact.js';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/** What the rest of Keyfleet needs of a logger. ERROR means: wake someone. */
export interface Logger {
  fatal(fields: object, message: string): void;
  fatal(message: string): void;
  error(fields: object, message: string): void;
  error(message: string): void;
  warn(fields: object, message: string): void;
  warn(message: string): void;
  info(fields: object, message: string): void;
  info(message: string): void;
  debug(fields: object, message: string): void;
  debug(message: string): void;
  /** The same logger with these fields on every line. */
  child(fields: Record<string, unknown>): Logger;
}

export interface LoggerOptions {
  readonly service: string;
  readonly version: string;
  readonly level?: LogLevel;
  /** Default: standard output, in readable form on a terminal. */
  readonly destination?: DestinationStream;
}

/** One JSON object per line: `time level msg service version …`. Redacts by field name at any depth, and scrubs texts. */
export function createLogger(options: LoggerOptions): Logger {
  const destination =
    options.destination ?? (process.stdout.isTTY ? readable(process.stdout) : pino.destination(1));
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, version: options.version },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      mixin: traceOfNow,
      // The formatter above has made plain fields of errors already.
      serializers: { err: (value: unknown) => value },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg) => (typeof arg === 'string' ? scrub(arg) : arg)) as typeof args);
        },
      },
    },
    destination,
  );
  return withGuardedChildren(logger);
}

/** Where the line was written under a span, its ids: from a log line to the trace and back. */
function traceOfNow(): object {
  if (!isTracing()) return {};
  const found = trace.getSpanContext(context.active());
  return found ? { traceId: found.traceId, spanId: found.spanId } : {};
}

/** pino formats the fields of a line, not those of a child. Children of children inherit this. */
function withGuardedChildren(logger: PinoLogger): Logger {
  const child = logger.child;
  logger.child = function guarded(this: PinoLogger, fields: Bindings, ...rest: never[]) {
    return child.call(this, redact(fields) as Bindings, ...rest);
  } as PinoLogger['child'];
  return logger;
}

/** `12:00:01.123 info  registry  message key=value` */
function readable(out: NodeJS.WritableStream): DestinationStream {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      out.write(`${toReadableLine(chunk.toString('utf8'))}\n`, () => done());
    },
  });
}

export function toReadableLine(line: string): string {
  const { time, level, msg, service, version: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(([key, value]) => `${key}=${readableValue(value)}`);
  return [String(time).slice(11, 23), String(level).padEnd(5), service, msg, ...fields].join(' ');
}

function readableValue(value: unknown): string {
  const stack = (value as { stack?: unknown } | null)?.stack;
  if (typeof stack === 'string') return stack;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
