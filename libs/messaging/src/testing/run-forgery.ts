import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { agentInbox, agentSubject } from '@keyfleet/contracts/messages';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import type { Cast, ForgedPublish, ForgedReply, ForgedSubscribe, Forgery } from './forgeries.js';

/** Three connections on one broker. */
export interface Stage {
  readonly cast: Cast;
  /** Genuine credentials of `cast.me`. */
  readonly forger: NatsConnection;
  /** May say and hear everything in the account: the receiver by whom an effect is judged. */
  readonly witness: NatsConnection;
}

export interface Outcome {
  readonly forgery: Forgery;
  /** Whether the broker itself said no; `null` where it is not the broker's to say, which is so for reply subjects. */
  readonly refused: boolean | null;
  /** Whether the forged operation had any effect at its receiver. */
  readonly forged: boolean;
  /** Whether the honest operation beside it worked; without that, "refused" means nothing. */
  readonly twin: boolean;
}

const CEILING_MS = 10_000;

/** Everything the witness hears: how much on each subject, and where each marker appeared. */
export class Witness {
  readonly #heard = new Map<string, string[]>();
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();

  constructor(connection: NatsConnection) {
    connection.subscribe('>', {
      callback: (_error, message) => {
        if (!message.subject) return;
        this.#counts.set(message.subject, this.messagesOn(message.subject) + 1);
        const text = message.string();
        const marker = /marker-[0-9a-f-]{36}/.exec(text)?.[0];
        if (!marker) return;
        this.#heard.set(marker, [...(this.#heard.get(marker) ?? []), message.subject]);
        this.#waiting.get(marker)?.();
      },
    });
  }

  subjectsOf(marker: string): readonly string[] {
    return this.#heard.get(marker) ?? [];
  }

  messagesOn(subject: string): number {
    return this.#counts.get(subject) ?? 0;
  }

  /** Resolves whether the marker was heard within the ceiling. */
  async hears(marker: string): Promise<boolean> {
    if (this.#heard.has(marker)) return true;
    return within(new Promise<void>((resolve) => this.#waiting.set(marker, resolve)));
  }
}

async function within(event: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), CEILING_MS);
  });
  const result = await Promise.race([event.then(() => true), late]);
  clearTimeout(timer);
  return result;
}

/** Whether the broker refuses what `attempt` does on this subject, in its own words; they precede the answer to a flush. */
async function isRefused(forger: NatsConnection, subject: string, attempt: () => void): Promise<boolean> {
  const words = forger.status();
  let refused = false;
  const listening = (async () => {
    for await (const status of words)
      if (status.type === 'error' && status.error.message.includes(`"${subject}"`)) refused = true;
  })();
  attempt();
  await forger.flush();
  await forger.flush();
  await setImmediate();
  (words as unknown as { stop?(): void }).stop?.();
  void listening;
  return refused;
}

const marker = () => `marker-${randomUUID()}`;

/**
 * Runs one forged operation and its twin. Both travel on the same connections in this order, and a broker keeps order:
 * once the twin has arrived, the forgery will not arrive any more. So nothing here waits for time to pass.
 */
export function runForgery(stage: Stage, witness: Witness, forgery: Forgery): Promise<Outcome> {
  if (forgery.kind === 'publish') return runPublish(stage, witness, forgery);
  if (forgery.kind === 'subscribe') return runSubscribe(stage, forgery);
  return runReply(stage, witness, forgery);
}

async function runPublish(stage: Stage, witness: Witness, forgery: ForgedPublish): Promise<Outcome> {
  const [forged, honest] = [marker(), marker()];
  const refused = await isRefused(stage.forger, forgery.subject, () =>
    stage.forger.publish(forgery.subject, forged),
  );
  stage.forger.publish(agentSubject(stage.cast.me, 'hb'), honest);
  const twin = await witness.hears(honest);
  return { forgery, twin, refused, forged: witness.subjectsOf(forged).length > 0 };
}

async function runSubscribe(stage: Stage, forgery: ForgedSubscribe): Promise<Outcome> {
  const { forger, cast } = stage;
  const [forged, honest] = [marker(), marker()];
  let stolen = false;
  let bad: Subscription | undefined;
  const refused = await isRefused(forger, forgery.subject, () => {
    bad = forger.subscribe(forgery.subject, {
      queue: forgery.queue,
      callback: (_error, message) => {
        if (message.string?.() === forged) stolen = true;
      },
    });
  });
  const own = forger.subscribe(agentSubject(cast.me, 'cmd'), { max: 1 });
  const got = within(
    (async () => {
      for await (const message of own) if (message.string() === honest) return;
    })(),
  );
  await forger.flush();
  stage.witness.publish(forgery.bait, forged);
  stage.witness.publish(agentSubject(cast.me, 'cmd'), honest);
  const twin = await got;
  bad?.unsubscribe();
  own.unsubscribe();
  return { forgery, twin, refused, forged: stolen };
}

async function runReply(stage: Stage, witness: Witness, forgery: ForgedReply): Promise<Outcome> {
  const { forger, cast } = stage;
  const [forged, honest] = [marker(), marker()];
  // What was said on that subject before, a bait of another forgery perhaps, has been heard once this is answered.
  await stage.witness.flush();
  const before = witness.messagesOn(forgery.reply);
  forger.publish(forgery.subject, JSON.stringify({ marker: forged }), { reply: forgery.reply });
  // A beat is never answered; that it arrives is its twin. What asks gets an answer with its marker in it.
  const asks = !forgery.subject.endsWith('.hb');
  const inbox = `${agentInbox(cast.me.agentId)}.twin${honest.replaceAll('-', '')}`;
  const answer = forger.subscribe(inbox, { max: 1 });
  forger.publish(forgery.subject, JSON.stringify({ marker: honest }), asks ? { reply: inbox } : {});
  const twin = asks ? await within(answer[Symbol.asyncIterator]().next()) : await witness.hears(honest);
  answer.unsubscribe();
  // The request itself is heard too; an effect is a message on the subject the forger named, or its marker elsewhere.
  await stage.witness.flush();
  const elsewhere = witness.subjectsOf(forged).some((subject) => subject !== forgery.subject);
  return { forgery, twin, refused: null, forged: elsewhere || witness.messagesOn(forgery.reply) > before };
}
