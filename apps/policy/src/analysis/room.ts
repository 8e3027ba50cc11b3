/** Bytes of text in an answer; the broker's messages hold 512 KiB. */
export const ROOM = 440 * 1024;
