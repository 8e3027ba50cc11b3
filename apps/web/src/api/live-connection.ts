import { type Client, createClient } from 'graphql-ws';

export interface LiveConnectionOptions {
  readonly url: string;
  /** How long nothing is asked of the other side, in milliseconds. */
  readonly quietMs?: number;
  /** How long it may take to answer a ping, in milliseconds. */
  readonly answerMs?: number;
  /** The longest pause before it is tried again, in milliseconds. */
  readonly ceilingMs?: number;
}

/**
 * Comes back by itself for as long as somebody listens. A connection whose packets get lost, or whose server hangs,
 * stays open for minutes and says nothing: it counts as closed as soon as a ping is not answered in time.
 */
export function createLiveConnection(options: LiveConnectionOptions): Client {
  const { url, quietMs = 10_000, answerMs = 5_000, ceilingMs = 10_000 } = options;
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const answered = () => clearTimeout(unanswered);
  const client = createClient({
    url,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => true,
    keepAlive: quietMs,
    retryWait: async (retries) => {
      const ceiling = Math.min(ceilingMs, 500 * 2 ** retries);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * ceiling));
    },
    on: {
      opened: answered,
      closed: answered,
      ping: (received) => {
        if (received) return;
        answered();
        // Closing waits for the other side, which says nothing: only this tells whoever listens at once.
        unanswered = setTimeout(() => client.terminate(), answerMs);
      },
      pong: (received) => {
        if (received) answered();
      },
    },
  });
  return client;
}
