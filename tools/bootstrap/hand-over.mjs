import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { pinnedNode } from './build.mjs';

/** Runs the pinned Node with our terminal, and resolves with its exit code. */
export function handOver(root, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(pinnedNode(root), args, {
      cwd: root,
      env: {
        ...process.env,
        PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`,
      },
      // The channel tells the child when we are gone, whatever killed us.
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    });
    const forget = passSignalsOn(child);
    const stopWatching = watchNpm(() => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      forget();
      stopWatching();
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 0));
    });
  });
}

const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Ctrl-C reaches the child through the terminal by itself; it only must not end us before the child has ended. */
function passSignalsOn(child) {
  const handlers = {
    SIGINT: () => !process.stdin.isTTY && child.kill('SIGINT'),
    SIGTERM: () => child.kill('SIGTERM'),
    SIGHUP: () => child.kill('SIGTERM'),
  };
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler);
  };
}

/** npm puts a shell between itself and us that does not pass signals on; when either is gone, so is whoever asked for this. */
function watchNpm(onGone) {
  if (!process.env.npm_lifecycle_event) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, 500);
  timer.unref();
  return () => clearInterval(timer);
}
