/** One field of a message: numbers of fields are those of the .proto file. */
export interface Field {
  readonly number: number;
  /** Bytes of texts and inner messages; numbers as they are, fixed ones of 64 bits in little-endian order. */
  readonly value: Buffer | bigint;
}

/** Reads a protobuf message without its schema. Throws a RangeError where it is cut off. */
export function* fieldsOf(message: Buffer): Generator<Field> {
  for (let at = 0; at < message.length; ) {
    const [tag, afterTag] = varint(message, at);
    const [value, next] = valueAt(message, afterTag, Number(tag & 7n));
    at = next;
    yield { number: Number(tag >> 3n), value };
  }
}

export function inner(message: Buffer, number: number): Buffer[] {
  return [...fieldsOf(message)].flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  );
}

function valueAt(message: Buffer, at: number, wire: number): [Buffer | bigint, number] {
  if (wire === 0) return varint(message, at);
  if (wire === 1) return [take(message, at, 8), at + 8];
  if (wire === 5) return [take(message, at, 4), at + 4];
  if (wire !== 2) throw new RangeError(`wire type ${wire} is none of today`);
  const [length, from] = varint(message, at);
  const end = from + Number(length);
  return [take(message, from, Number(length)), end];
}

function varint(message: Buffer, from: number): [bigint, number] {
  let value = 0n;
  for (let at = from, shift = 0n; at < message.length; at += 1, shift += 7n) {
    const byte = message[at] as number;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at + 1];
  }
  throw new RangeError('cut off within a number');
}

function take(message: Buffer, at: number, length: number): Buffer {
  if (at + length > message.length) throw new RangeError('cut off');
  return message.subarray(at, at + length);
}
