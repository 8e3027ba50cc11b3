import { isKeyfleetError } from '@keyfleet/kernel';
import type { CommandClient, Drop, DropReason, OnDropped } from '@keyfleet/messaging';
import type { Metrics } from '@keyfleet/platform';
import type { NatsConnection } from '@nats-io/transport-node';
import { children } from './children.js';

/** One per process: follows connections, and counts what the guard before the handlers dropped. */
export class BrokerMetrics {
  readonly #connected;
  readonly #reconnects;
  readonly #dropped;

  constructor(metrics: Metrics) {
    const labelNames = ['connection'] as const;
    this.#connected = metrics.gauge({
      name: 'keyfleet_broker_connected',
      help: '1 while a connection to the broker stands.',
      labelNames,
    });
    this.#reconnects = metrics.counter({
      name: 'keyfleet_broker_reconnects_total',
      help: 'Times a connection to the broker was made again.',
      labelNames,
    });
    this.#dropped = metrics.counter({
      name: 'keyfleet_messages_dropped_total',
      help: 'Messages that were not looked at, because their subject or reply subject was not in order.',
      labelNames: ['channel', 'reason'],
    });
  }

  /** An alert asks for what was added, so all that may be dropped on a channel is there from its beginning. */
  readonly onDropped: OnDropped = Object.assign(
    ({ channel, reason }: Drop) => this.#dropped.inc({ channel, reason }),
    {
      listening: (channel: string, reasons: readonly DropReason[]) => {
        for (const reason of reasons) this.#dropped.inc({ channel, reason }, 0);
      },
    },
  );

  /** Until the connection is closed. `name` says what for, in a word. */
  follow(connection: NatsConnection, name: string): void {
    const [connected, reconnects] = [this.#connected.labels(name), this.#reconnects.labels(name)];
    connected.set(connection.isClosed() ? 0 : 1);
    const watch = async (): Promise<void> => {
      for await (const { type } of connection.status()) {
        if (type === 'disconnect') connected.set(0);
        if (type !== 'reconnect') continue;
        connected.set(1);
        reconnects.inc();
      }
      connected.set(0);
    };
    watch().catch(() => connected.set(0));
  }
}

/** What became of a command: its error code is of a closed list, but the kind is enough to tell whose fault it was. */
type Result = 'ok' | 'refused' | 'unavailable' | 'failed';

const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** The same client, with the time of each command from its sender's view. */
export function measuredCommands(client: CommandClient, metrics: Metrics): CommandClient {
  const seconds = metrics.histogram({
    name: 'keyfleet_command_request_seconds',
    help: 'Time from a command to its answer as its sender sees it, by command and what became of it.',
    labelNames: ['command', 'result'],
    buckets: BUCKETS,
  });
  const of = children((key: string) => {
    const [command = '', result = ''] = key.split(' ');
    return seconds.labels(command, result);
  });
  return {
    connect: () => client.connect(),
    close: () => client.close(),
    send: async (contract, ...rest) => {
      const started = performance.now();
      let result: Result = 'ok';
      try {
        return await client.send(contract, ...rest);
      } catch (error) {
        result = resultOf(error);
        throw error;
      } finally {
        of(`${contract.subject} ${result}`).observe((performance.now() - started) / 1_000);
      }
    },
  };
}

/** For a service that answers commands: called once per command. */
export function handledCommands(
  metrics: Metrics,
): (handled: { subject: string; code: string | undefined; seconds: number }) => void {
  const seconds = metrics.histogram({
    name: 'keyfleet_command_seconds',
    help: 'Time to carry out a command, by command and what became of it.',
    labelNames: ['command', 'result'],
    buckets: BUCKETS,
  });
  const of = children((key: string) => {
    const [command = '', result = ''] = key.split(' ');
    return seconds.labels(command, result);
  });
  return ({ subject, code, seconds: took }) => of(`${subject} ${resultOfCode(code)}`).observe(took);
}

function resultOf(error: unknown): Result {
  return resultOfCode(isKeyfleetError(error) ? error.code : 'internal.error');
}

function resultOfCode(code: string | undefined): Result {
  if (code === undefined) return 'ok';
  if (code === 'internal.error') return 'failed';
  return code.endsWith('.unavailable') ? 'unavailable' : 'refused';
}
