/** Agents that die and come back when told. */
export interface Mortals {
  /** The simulator has the real link; the others only what of an agent detection can see. */
  readonly kind: 'simulator' | 'hearts';
  /** By index. */
  readonly ids: readonly string[];
  readonly pid: number;
  /** Resolves when each is connected and has beaten. */
  connectFirst(): Promise<void>;
  revive(indexes: readonly number[]): Promise<void>;
  /** Resolves when they are dead, with when that was in real time. */
  kill(indexes: readonly number[]): Promise<number>;
  close(): Promise<void>;
}
