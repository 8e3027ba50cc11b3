export interface Expiring {
  readonly expiresAt: string;
}

/**
 * A filter for the agents that enrolled since a token of so many seconds was issued: by the clock of the server, which
 * also says when they enrolled, and not by the one of whoever looks.
 */
export function arrivedWith({ expiresAt }: Expiring, seconds: number): string {
  const issuedAt = new Date(Date.parse(expiresAt) - seconds * 1_000).toISOString();
  return `enrolledAt >= "${issuedAt}"`;
}
