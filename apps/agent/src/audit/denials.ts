const PER_CLASS = 5;
const PER_MINUTE = 600;
/** Strangers differ by what they try and from where, and in nothing that tells one from another. */
const OF_STRANGERS_PER_MINUTE = 30;

/**
 * Which refusals become events of their own: the first few of a kind in a minute, and not more than so many of all
 * kinds. The rest is in the counts of UsageReported, so an attacker fills neither the journal nor anybody's screen.
 * Strangers have a budget of their own: none of them hides what somebody with a key was refused.
 */
export class DenialLimit {
  readonly #known = new Budget(PER_MINUTE);
  readonly #strangers = new Budget(OF_STRANGERS_PER_MINUTE);

  admits(minute: string, kind: string, stranger: boolean): boolean {
    return (stranger ? this.#strangers : this.#known).admits(minute, kind);
  }
}

class Budget {
  readonly #perMinute: number;
  #minute = '';
  #all = 0;
  readonly #ofClass = new Map<string, number>();

  constructor(perMinute: number) {
    this.#perMinute = perMinute;
  }

  admits(minute: string, kind: string): boolean {
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#all = 0;
      this.#ofClass.clear();
    }
    if (this.#all >= this.#perMinute) return false;
    const count = (this.#ofClass.get(kind) ?? 0) + 1;
    if (count > PER_CLASS) return false;
    this.#ofClass.set(kind, count);
    this.#all += 1;
    return true;
  }
}
