/** One line of the table and one object of `.keyfleet/bench.json`. */
export interface Figure {
  /** `append`, or `append@100000` at a size. */
  readonly name: string;
  readonly figure: number;
  readonly unit: string;
  /** What it is compared with, measured in the same run. */
  readonly anchor?: { readonly name: string; readonly figure: number };
  /** Said below the table: what a reader has to know to believe the figure. */
  readonly note?: string;
}

export interface BenchRun {
  /** An empty folder, taken away at the end. */
  readonly directory: string;
  /** The sizes asked for; a bench without sizes of its own ignores them. */
  readonly sizes: readonly number[];
  say(line: string): void;
}

export interface Bench {
  readonly name: string;
  /** What it measures, in a line. */
  readonly about: string;
  /** A decade apart, so that the cost of one item can be seen to stay flat. */
  readonly sizes?: readonly number[];
  run(run: BenchRun): Promise<readonly Figure[]>;
}

/** `append@100000`. */
export const at = (name: string, size: number): string => `${name}@${size}`;
