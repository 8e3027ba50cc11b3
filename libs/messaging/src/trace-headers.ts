import { headers, type MsgHdrs } from '@nats-io/transport-node';

const NAME = 'traceparent';

/** A message's headers with the span it is sent under. */
export function traceHeaders(traceparent: string): MsgHdrs {
  const made = headers();
  made.set(NAME, traceparent);
  return made;
}

/** As it came: whoever goes on with it checks whether it is one. */
export function traceparentOf(message: { readonly headers?: MsgHdrs }): string | undefined {
  return message.headers?.get(NAME) || undefined;
}
