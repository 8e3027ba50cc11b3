/** What happened for one subscriber since it last looked. */
export interface Gathered {
  readonly reset: boolean;
  readonly readModels: ReadonlySet<string>;
  readonly agentIds: ReadonlySet<string>;
  /** When the first of it came, by `performance.now()`. */
  readonly since: number;
}

export type Note =
  | { readonly kind: 'changed'; readonly readModel: string; readonly ids: readonly string[] }
  | { readonly kind: 'reset'; readonly readModel: string }
  | { readonly kind: 'recheck' };

/** Read models whose ids are agents. */
const OF_AGENTS = 'registry.agents';

/** Gathers what happened for one subscriber; its memory is bounded however slow the subscriber reads. */
export class Mailbox {
  readonly #gatherMs: number;
  #reset = false;
  #readModels = new Set<string>();
  #agentIds = new Set<string>();
  #pending = false;
  #since = 0;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(gatherMs: number) {
    this.#gatherMs = gatherMs;
  }

  put(note: Note): void {
    if (!this.#pending) this.#since = performance.now();
    this.#pending = true;
    if (note.kind === 'reset') this.#reset = true;
    if (note.kind !== 'recheck') this.#readModels.add(note.readModel);
    if (note.kind === 'changed' && note.readModel === OF_AGENTS) this.#addAgents(note.ids);
    this.#wake?.();
  }

  /** Waits for something, gathers what comes with it; `null` once closed. */
  async take(): Promise<Gathered | null> {
    while (!this.#pending && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#closed) return null;
    if (!this.#reset) await new Promise((resolve) => setTimeout(resolve, this.#gatherMs));
    const gathered = {
      reset: this.#reset,
      readModels: this.#readModels,
      agentIds: this.#agentIds,
      since: this.#since,
    };
    this.#reset = false;
    this.#readModels = new Set();
    this.#agentIds = new Set();
    this.#pending = false;
    return this.#closed ? null : gathered;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  #addAgents(ids: readonly string[]): void {
    for (const id of ids) this.#agentIds.add(id);
    if (this.#agentIds.size > 1_000) {
      this.#reset = true;
      this.#agentIds.clear();
    }
  }
}
