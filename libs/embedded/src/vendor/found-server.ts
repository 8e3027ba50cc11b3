export interface FoundServer {
  readonly path: string;
  /** Added to the server's environment: where its own libraries lie. */
  readonly env: Readonly<Record<string, string>>;
}

/** Told what is being done, for a human who waits. */
export type Progress = (message: string) => void;
