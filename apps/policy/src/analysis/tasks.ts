import type { PolicyCheck, PolicyContent, PolicyReplay } from '@keyfleet/contracts/http';
import type { ReadPolicy } from '@keyfleet/policy-engine';
import { type CheckTask, check } from './check.js';
import { readContent } from './content.js';
import { ReplaySession, type ReplayTask } from './replay-session.js';
import type { RecordedClass } from './request-classes.js';
import { answerWhoCan, type WhoCanTask } from './who-can.js';

export interface ReadTask {
  readonly kind: 'read';
  readonly content: PolicyContent;
}
export interface ReplayRows {
  readonly kind: 'replay-rows';
  readonly rows: readonly RecordedClass[];
}
export interface ReplayEnd {
  readonly kind: 'replay-end';
}

export type Task = ReadTask | CheckTask | WhoCanTask | ReplayTask | ReplayRows | ReplayEnd;

/** What each task answers. */
export interface Results {
  readonly read: ReadPolicy;
  readonly check: PolicyCheck;
  readonly 'who-can': ReturnType<typeof answerWhoCan>;
  readonly 'replay-start': null;
  readonly 'replay-rows': null;
  readonly 'replay-end': PolicyReplay;
}

/** Does one task after the other; a replay is several of them. */
export class TaskRunner {
  #replay: ReplaySession | undefined;

  run(task: Task): Results[Task['kind']] {
    switch (task.kind) {
      case 'read':
        return readContent(task.content);
      case 'check':
        return check(task);
      case 'who-can':
        return answerWhoCan(task);
      case 'replay-start':
        this.#replay = new ReplaySession(task);
        return null;
      case 'replay-rows':
        this.#session().add(task.rows);
        return null;
      case 'replay-end': {
        const replay = this.#session().end();
        this.#replay = undefined;
        return replay;
      }
      default:
        return task satisfies never;
    }
  }

  #session(): ReplaySession {
    if (!this.#replay) throw new TypeError('no replay was begun');
    return this.#replay;
  }
}
