const PER_CLASS = 5;
const PER_MINUTE = 600;

/**
 * Which refusals become events of their own: the first few of a kind in a minute, and not more than so many of all
 * kinds. The rest is in the counts of UsageReported, so an attacker fills neither the journal nor anybody's screen.
 */
export class DenialLimit {
  #minute = '';
  #all = 0;
  readonly #ofClass = new Map<string, number>();

  admits(minute: string, kind: string): boolean {
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#all = 0;
      this.#ofClass.clear();
    }
    if (this.#all >= PER_MINUTE) return false;
    const count = (this.#ofClass.get(kind) ?? 0) + 1;
    if (count > PER_CLASS) return false;
    this.#ofClass.set(kind, count);
    this.#all += 1;
    return true;
  }
}
