import postgres, { type ReservedSql, type Sql } from 'postgres';

/** An open snapshot of the store's database and a writing transaction in another database of the same cluster. */
export class HeldTransactions {
  readonly #pools: readonly Sql[];
  readonly #held: readonly ReservedSql[];

  private constructor(pools: readonly Sql[], held: readonly ReservedSql[]) {
    this.#pools = pools;
    this.#held = held;
  }

  static async open(superuserUrl: string, foreignUrl: string): Promise<HeldTransactions> {
    const pools = [superuserUrl, foreignUrl].map((url) => postgres(url, { max: 1, onnotice: () => {} }));
    const [snapshot, foreign] = await Promise.all(pools.map((pool) => pool.reserve()));
    await snapshot
      ?.unsafe('begin isolation level repeatable read; select count(*) from store.streams')
      .simple();
    await foreign?.unsafe('begin; create table held (n int); insert into held values (1)').simple();
    return new HeldTransactions(
      pools,
      [snapshot, foreign].filter((one) => one !== undefined),
    );
  }

  /** True where both were open all the time. */
  async end(): Promise<boolean> {
    let whole = true;
    for (const held of this.#held) {
      await held.unsafe('commit').catch(() => {
        whole = false;
      });
      held.release();
    }
    await Promise.all(this.#pools.map((pool) => pool.end({ timeout: 5 })));
    return whole;
  }
}
