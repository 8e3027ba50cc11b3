import type { AgentSubjectKind } from '@keyfleet/contracts/messages';

/** What the parts of the link need of the connection; it may come and go behind this. */
export interface Broker {
  readonly connected: boolean;
  /** Rejects without a connection, without an answer in time, or where nobody listens. */
  request(
    kind: AgentSubjectKind,
    payload: string,
    timeoutMs: number,
    traceparent?: string,
  ): Promise<Uint8Array>;
  /** False, and nothing is sent, without a connection. */
  publish(kind: AgentSubjectKind, payload: string): boolean;
}
