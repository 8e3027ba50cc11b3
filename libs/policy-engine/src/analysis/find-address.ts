import { contains, type Network, readNetwork } from '../condition/network.js';
import type { Literal } from './literals.js';

interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** Addresses set aside for examples come first, so that a witness looks like one. */
const EXAMPLES: readonly Address[] = [
  { bits: 32, value: 0xc0000201n },
  { bits: 128, value: 0x20010db8000000000000000000000001n },
];

/**
 * An address, or null for none; undefined where neither fits. Networks cut the addresses into stretches that all
 * questions answer alike; each stretch begins where a network begins, behind one's end, or at zero.
 */
export function findAddress(literals: readonly Literal[]): string | null | undefined {
  const networks = literals.flatMap(({ question, holds }) => {
    const network = question.kind === 'network' ? readNetwork(question.cidr) : undefined;
    return network ? [{ network, holds }] : [];
  });
  const present = literals.filter(({ question }) => question.kind === 'has-address');
  if (present.every(({ holds }) => !holds) && networks.length === 0) return null;
  if (present.some(({ holds }) => !holds)) return present.some(({ holds }) => holds) ? undefined : null;
  const found = candidates(networks.map(({ network }) => network)).find((address) =>
    networks.every(({ network, holds }) => contains(network, address) === holds),
  );
  return found && printAddress(found);
}

function candidates(networks: readonly Network[]): Address[] {
  const starts = networks.flatMap(({ bits, first, prefix }): Address[] => [
    { bits, value: first },
    { bits, value: first + (1n << BigInt(bits - prefix)) },
  ]);
  const zeros: Address[] = [
    { bits: 32, value: 0n },
    { bits: 128, value: 0n },
  ];
  return [...EXAMPLES, ...starts, ...zeros].filter(({ bits, value }) => value >> BigInt(bits) === 0n);
}

function printAddress({ bits, value }: Address): string {
  const size = bits === 32 ? 8n : 16n;
  const parts = Array.from({ length: bits / Number(size) }, (_, index) => {
    const shift = BigInt(bits) - size * BigInt(index + 1);
    return (value >> shift) & ((1n << size) - 1n);
  });
  return bits === 32 ? parts.join('.') : parts.map((part) => part.toString(16)).join(':');
}
