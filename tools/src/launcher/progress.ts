/** Where the launcher writes for whoever waits. */
export interface Screen {
  write(text: string): void;
}

interface Timed {
  readonly name: string;
  readonly seconds: number;
}

/** Steps with their durations; a step that takes long says so, so that silence never means "hangs?". */
export class Progress {
  readonly #screen: Screen;
  readonly #started = performance.now();
  readonly #times: Timed[] = [];
  readonly #remindEveryMs: number;
  #before = 0;

  constructor(screen: Screen = process.stdout, remindEveryMs = 5_000) {
    this.#screen = screen;
    this.#remindEveryMs = remindEveryMs;
  }

  /** Time spent before we ran: installing and building. */
  add(name: string, seconds: number): void {
    this.#times.push({ name, seconds });
    this.#before += seconds;
  }

  async step<T>(name: string, work: (say: (message: string) => void) => Promise<T>): Promise<T> {
    const started = performance.now();
    const reminder = setInterval(() => {
      this.say(`… ${name} (${secondsSince(started).toFixed(0)} s)`);
    }, this.#remindEveryMs);
    try {
      const result = await work((message) => this.say(`  ${name}: ${message}`));
      const seconds = secondsSince(started);
      this.#times.push({ name, seconds });
      this.say(`✓ ${name} (${seconds.toFixed(1)} s)`);
      return result;
    } catch (error) {
      this.say(`✗ ${name}`);
      throw error;
    } finally {
      clearInterval(reminder);
    }
  }

  say(message: string): void {
    this.#screen.write(`${message}\n`);
  }

  /** `install 0.1 · build 1.2 · servers 0.9 = 2.2 s` */
  breakdown(): string {
    const total = this.#before + secondsSince(this.#started);
    const parts = this.#times.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)}`);
    return `${parts.join(' · ')} = ${total.toFixed(1)} s`;
  }
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1_000;
}
