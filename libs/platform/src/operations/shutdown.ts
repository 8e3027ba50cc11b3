import type { Logger } from '../logging/logger.js';

export interface ShutdownOptions {
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /** All hooks together; then the process ends anyway. Default 15 s. */
  readonly ceilingMs?: number;
  /** Default: ends the process. */
  readonly exit?: (code: number) => void;
  /** End when the launcher that opened an IPC channel to us is gone. Default true. */
  readonly endWithParent?: boolean;
}

export interface Shutdown {
  /** Hooks run one after the other, the last registered first, so that what was opened last is closed first. */
  onShutdown(name: string, hook: () => Promise<void> | void): void;
  /** Aborted before the first hook runs: loops end and `/readyz` turns false with it. */
  readonly signal: AbortSignal;
  /** Begins by itself on SIGTERM, SIGINT and the death of a parent that opened an IPC channel. Later calls join the first. */
  begin(reason: string, code?: number): Promise<void>;
}

/** One per process. A second Ctrl-C does not cut the first short; the ceiling does. */
export function createShutdown(options: ShutdownOptions): Shutdown {
  const hooks: { name: string; run: () => Promise<void> | void }[] = [];
  const controller = new AbortController();
  const exit = options.exit ?? ((code: number) => process.exit(code));
  let running: Promise<void> | undefined;
  let current: string | undefined;

  const runHooks = async (): Promise<boolean> => {
    let clean = true;
    for (let hook = hooks.pop(); hook; hook = hooks.pop()) {
      current = hook.name;
      try {
        await hook.run();
      } catch (err) {
        clean = false;
        options.logger.error({ err, hook: current }, 'A shutdown hook failed');
      }
    }
    return clean;
  };

  const end = async (reason: string, code: number): Promise<void> => {
    options.logger.info({ reason }, 'Shutting down');
    const ceiling = setTimeout(() => {
      const waiting = hooks.map(({ name }) => name).reverse();
      options.logger.error({ reason, hook: current, waiting }, 'Shutdown took too long; ending now');
      exit(code || 1);
    }, options.ceilingMs ?? 15_000);
    controller.abort(new Error(reason));
    const clean = await runHooks();
    clearTimeout(ceiling);
    // Where this is the last line of a process that did not end well, its end itself went wrong.
    options.logger.info({ reason }, 'Everything is closed');
    exit(clean ? code : code || 1);
  };

  const begin = (reason: string, code = 0): Promise<void> => {
    running ??= end(reason, code);
    return running;
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void begin(signal));
  if (options.endWithParent ?? true) watchParent(() => void begin('the launcher is gone'));
  return { onShutdown: (name, run) => void hooks.push({ name, run }), signal: controller.signal, begin };
}

/** A launcher keeps an IPC channel open for as long as it lives. */
function watchParent(onGone: () => void): void {
  if (!process.channel) return;
  process.once('disconnect', onGone);
  process.channel.unref();
}
