/** What the driver did, for metrics, logs and tests that wait for it; never with contents. */
export type Step =
  | { readonly step: 'group-sent'; readonly appends: number; readonly events: number }
  | {
      readonly step: 'group-committed';
      readonly appends: number;
      readonly events: number;
      readonly conflicts: number;
      readonly ms: number;
    }
  | { readonly step: 'group-failed'; readonly appends: number }
  /** A statement failed. `code` is an SQLSTATE, a code of Node's sockets or of postgres.js, or `store.unavailable` after our own deadline. */
  | { readonly step: 'failed'; readonly link: string; readonly code: string }
  | { readonly step: 'listening' }
  | { readonly step: 'notified' };

export type OnStep = (step: Step) => void;
