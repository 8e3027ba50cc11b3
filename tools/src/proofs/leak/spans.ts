import { OtlpReceiver } from '../../observability/otlp-receiver.js';
import { Recorded } from './places.js';

/** Spans as the product exports them, from every service and agent, recorded as they come over the wire. */
export async function recordSpans(): Promise<{ endpoint: string; place: Recorded; close(): Promise<void> }> {
  const receiver = await OtlpReceiver.start();
  const place = new Recorded('exported spans', async (leak) => {
    await fetch(receiver.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(withName(leak)),
    });
  });
  receiver.onBody = (body) => place.add(body);
  return { endpoint: receiver.endpoint, place, close: () => receiver.close() };
}

/** An export of one span that has the leak for its name. */
function withName(leak: Buffer): Buffer {
  const span = message(5, leak);
  return message(1, message(2, message(2, span)));
}

function message(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Buffer.from([...bytes, left]);
}
