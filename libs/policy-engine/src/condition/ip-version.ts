/** 4 or 6 for an address as Node's `isIP` takes it, else 0; of our own, so that editors in browsers read conditions too. */
export function ipVersion(text: string): 4 | 6 | 0 {
  if (isIpv4(text)) return 4;
  return isIpv6(text) ? 6 : 0;
}

const isIpv4 = (text: string): boolean =>
  /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text);

/** Eight groups, or fewer with one `::` for all that are missing; the last two may be written as an IPv4 address. */
function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (text.length > 45 || halves.length > 2) return false;
  const [head = '', tail] = halves;
  const before = groupsIn(head, tail === undefined);
  const after = tail === undefined ? 0 : groupsIn(tail, true);
  if (before === undefined || after === undefined) return false;
  return tail === undefined ? before === 8 : before + after <= 7;
}

/** How many groups of 16 bits a part between double colons has; undefined where it is no such part. */
function groupsIn(part: string, mayEndInIpv4: boolean): number | undefined {
  if (part === '') return 0;
  const groups = part.split(':');
  const last = groups.at(-1) ?? '';
  const asIpv4 = mayEndInIpv4 && isIpv4(last);
  const plain = asIpv4 ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return undefined;
  return groups.length + (asIpv4 ? 1 : 0);
}
