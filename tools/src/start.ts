import { listenForControl } from './launcher/control.js';
import { Launcher } from './launcher/launcher.js';
import { Layout } from './launcher/layout.js';
import { parseLaunchOptions, START_USAGE } from './launcher/options.js';
import { Progress } from './launcher/progress.js';

/** `npm start`: resolves with the exit code once everything has ended again. */
async function main(argv: readonly string[]): Promise<number> {
  const options = parseLaunchOptions(argv);
  const progress = new Progress();
  if (!options) {
    progress.say(START_USAGE);
    return 0;
  }
  for (const name of ['INSTALL', 'BUILD'])
    progress.add(name.toLowerCase(), Number(process.env[`KEYFLEET_TIME_${name}`] ?? 0));
  const layout = new Layout(process.cwd());
  const launcher = new Launcher(layout, options, progress);
  const stopAsked = untilStopAsked(() => {
    progress.say('Killing everything…');
    void launcher.kill().finally(() => process.exit(130));
  });
  const control = await listenForControl(launcher.control);
  try {
    const failure = await Promise.race([
      launcher.start().then(() => undefined, asError),
      stopAsked.then(() => undefined),
    ]);
    if (failure) progress.say(`\n${failure.message}\n`);
    else await stopAsked;
    progress.say('Stopping…');
    await launcher.stop();
    progress.say('Stopped.');
    return failure ? 1 : 0;
  } finally {
    control.close();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** One Ctrl-C often arrives twice (from the terminal and through npm), so only a later one means it. */
const SECOND_MEANS_IT_MS = 1_500;

/** Ctrl-C, SIGTERM, a closed terminal or the end of whoever started us. */
function untilStopAsked(onSecondInterrupt: () => void): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined;
    process.on('SIGINT', () => {
      if (first !== undefined && performance.now() - first > SECOND_MEANS_IT_MS) onSecondInterrupt();
      first ??= performance.now();
      resolve();
    });
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
    process.on('disconnect', () => resolve());
    process.channel?.unref();
  });
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${asError(error).message}\n`);
    process.exit(1);
  },
);
