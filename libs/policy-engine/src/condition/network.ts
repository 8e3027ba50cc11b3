import { ipVersion } from './ip-version.js';

/** An address or the first one of a network as a number, with the bits that make it. */
export interface Network {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly prefix: number;
}

/** Undefined where it is none. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address. */
export function readAddress(text: string): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  const [bare = ''] = text.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  const version = ipVersion(mapped);
  if (version === 4) return { bits: 32, value: ipv4(mapped) };
  return version === 6 ? { bits: 128, value: ipv6(mapped) } : undefined;
}

/** `10.0.0.0/8` or `2001:db8::/32`; undefined where it is none or has bits set beyond its prefix. */
export function readNetwork(text: string): Network | undefined {
  const match = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : readAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (!address || prefix > address.bits) return undefined;
  const rest = BigInt(address.bits - prefix);
  return (address.value >> rest) << rest === address.value
    ? { bits: address.bits, first: address.value, prefix }
    : undefined;
}

export function contains(
  network: Network,
  address: { readonly bits: 32 | 128; readonly value: bigint },
): boolean {
  if (network.bits !== address.bits) return false;
  const rest = BigInt(network.bits - network.prefix);
  return address.value >> rest === network.first >> rest;
}

function ipv4(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function ipv6(text: string): bigint {
  const last = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  const plain = last ? text.slice(0, -last.length) + asGroups(ipv4(last)) : text;
  const [head = '', tail] = plain.split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = Array<string>(tail === undefined ? 0 : 8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

const groupsOf = (text: string): string[] => (text === '' ? [] : text.split(':'));
const asGroups = (value: bigint): string =>
  `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
