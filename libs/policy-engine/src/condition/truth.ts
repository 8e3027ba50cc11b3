/**
 * Kleene's three values. What cannot be known — a tag that is missing, an address that was not recorded — is neither
 * true nor false, and decides only where nothing else does: CEL's own way with errors in `&&` and `||`.
 */
export type Truth = true | false | undefined;

export const not = (value: Truth): Truth => (value === undefined ? undefined : !value);
