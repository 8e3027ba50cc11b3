/** First releases in which every advisory that concerns us is closed, per line still maintained. */
const FIRST_SAFE = { '2.12': 12, '2.14': 3 } as const;

/** Whether a broker of this version may serve a production installation. */
export function isSafeBrokerVersion(version: string): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/.exec(version);
  if (!match) return false;
  const [major, minor, patch] = [Number(match[1]), Number(match[2]), Number(match[3])];
  // A pre-release stands before the release it is named after.
  const effective = match[4] ? patch - 1 : patch;
  const first = FIRST_SAFE[`${major}.${minor}` as keyof typeof FIRST_SAFE];
  if (first !== undefined) return effective >= first;
  return major > 2 || (major === 2 && minor > 14);
}

/**
 * Throws where production meets a broker with known holes. `allowUnsafe` is an operator's explicit decision; the caller
 * writes it to its log. Outside production any broker will do, bound to loopback.
 */
export function assertBrokerVersion(
  version: string,
  options: { readonly production: boolean; readonly allowUnsafe: boolean },
): void {
  if (!options.production || options.allowUnsafe || isSafeBrokerVersion(version)) return;
  throw new Error(
    `nats-server ${version} has known holes. Production needs 2.12.12, 2.14.3 or later; ` +
      'KEYFLEET_NATS__ALLOW_UNSAFE_VERSION=true overrides this on your responsibility.',
  );
}
