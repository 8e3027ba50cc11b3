const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const RLE = 1;

/** Length of the zstd frame that begins here (RFC 8878 §3.1.1), so that what follows it does not disturb; 0 where there is none. */
export function zstdFrameLength(data: Buffer): number {
  if (data.length < 6) return 0;
  const descriptor = data.readUInt8(4);
  const end = endOfBlocks(data, 5 + headerFields(descriptor));
  const checksum = (descriptor & 0x04) !== 0 ? 4 : 0;
  return end === 0 || end + checksum > data.length ? 0 : end + checksum;
}

function headerFields(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const size = CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0;
  const dictionary = DICTIONARY_ID_BYTES[descriptor & 3] ?? 0;
  return single ? dictionary + Math.max(1, size) : 1 + dictionary + size;
}

function endOfBlocks(data: Buffer, start: number): number {
  for (let at = start; at + 3 <= data.length; ) {
    const header = data.readUIntLE(at, 3);
    at += 3 + (((header >> 1) & 3) === RLE ? 1 : header >> 3);
    if ((header & 1) === 1) return at;
  }
  return 0;
}

const GZIP_HEADER_BYTES = 10;
const FLAG = { headerCrc: 0x02, extra: 0x04, name: 0x08, comment: 0x10 } as const;

/** Where the deflate stream of a gzip member begins (RFC 1952); what follows the member then does no harm. */
export function gzipBodyOffset(data: Buffer): number {
  const flags = data[3] ?? 0;
  let at = GZIP_HEADER_BYTES;
  if ((flags & FLAG.extra) !== 0 && at + 2 <= data.length) at += 2 + data.readUInt16LE(at);
  if ((flags & FLAG.name) !== 0) at = data.indexOf(0, at) + 1;
  if ((flags & FLAG.comment) !== 0) at = data.indexOf(0, at) + 1;
  return at + ((flags & FLAG.headerCrc) !== 0 ? 2 : 0);
}
