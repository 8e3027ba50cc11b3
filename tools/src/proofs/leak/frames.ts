const DICTIONARY_ID_BYTES = [0, 1, 2, 4];
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const RLE = 1;

/** Length of the zstd frame that begins here (RFC 8878 §3.1.1), so that what follows it does not disturb; 0 where there is none. */
export function zstdFrameLength(data: Buffer): number {
  if (data.length < 6) return 0;
  const descriptor = data.readUInt8(4);
  const single = (descriptor & 0x20) !== 0;
  const contentSize = single && descriptor >> 6 === 0 ? 1 : (CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0);
  let at = 5 + (single ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + contentSize;
  for (;;) {
    if (at + 3 > data.length) return 0;
    const header = data.readUIntLE(at, 3);
    at += 3 + (((header >> 1) & 3) === RLE ? 1 : header >> 3);
    if ((header & 1) === 1) break;
  }
  at += (descriptor & 0x04) !== 0 ? 4 : 0;
  return at > data.length ? 0 : at;
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
