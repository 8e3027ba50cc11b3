import { parentPort } from 'node:worker_threads';
import { type Task, TaskRunner } from './tasks.js';

/** What a thread answers to one task. */
export type ThreadAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly message: string };

/** Said once, when everything is loaded. */
export const READY = 'ready';

const tasks = new TaskRunner();
parentPort?.on('message', (task: Task) => parentPort?.postMessage(answerTo(task)));
parentPort?.postMessage(READY);

function answerTo(task: Task): ThreadAnswer {
  try {
    return { ok: true, result: tasks.run(task) };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
