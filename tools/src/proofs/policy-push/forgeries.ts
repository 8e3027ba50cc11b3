import { manifestLines, manifestSigningInput, type PolicyManifest } from '@keyfleet/contracts';
import { newNkeySeed, nkeySigner, sha256Hex } from '@keyfleet/crypto';

/** What an attacker has overheard or been given; every manifest of it is genuine. */
export interface Loot {
  /** What the agent decides by. */
  readonly own: PolicyManifest;
  /** What it decided by before. */
  readonly older: PolicyManifest;
  /** Another agent's. */
  readonly foreign: PolicyManifest;
}

export interface Forgery {
  readonly kind: string;
  /** What agents have to refuse it for. */
  readonly code: string;
  readonly make: (loot: Loot) => PolicyManifest;
}

const attacker = nkeySigner(newNkeySeed());

/** Newer than anything the agent has, and of another content. */
function newer(own: PolicyManifest, what: string): PolicyManifest {
  return { ...own, version: own.version + 1, hash: sha256Hex(`${what} ${own.agentId}`) };
}

function signed(manifest: PolicyManifest, key: string): PolicyManifest {
  return { ...manifest, key, signature: attacker.sign(manifestSigningInput(manifest)) };
}

/** Pushed to every agent, one kind after the other. */
export const FORGERIES: readonly Forgery[] = [
  { kind: 'tampered', code: 'signature', make: ({ own }) => newer(own, 'tampered') },
  { kind: 'older', code: 'older', make: ({ older }) => older },
  { kind: 'foreign', code: 'foreign', make: ({ foreign }) => foreign },
  {
    kind: 'other-key',
    code: 'signature',
    make: ({ own }) => signed(newer(own, 'other key'), attacker.nkey),
  },
  {
    kind: 'claimed-key',
    code: 'signature',
    make: ({ own }) => signed(newer(own, 'claimed key'), own.key),
  },
];

/** Who gets what by whom: each agent's neighbour is another one. */
export function lootOf(
  agentIds: readonly string[],
  now: ReadonlyMap<string, PolicyManifest>,
  before: ReadonlyMap<string, PolicyManifest>,
): ReadonlyMap<string, Loot> {
  return new Map(
    agentIds.map((agentId, index) => {
      const own = now.get(agentId);
      const older = before.get(agentId);
      const foreign = now.get(agentIds[(index + 1) % agentIds.length] ?? '');
      if (!own || !older || !foreign || foreign.agentId === agentId)
        throw new Error(`There is nothing to forge from for ${agentId}.`);
      return [agentId, { own, older, foreign }];
    }),
  );
}

/** A bundle that is not what its manifest, which the authority itself signed, says. */
export interface FalseBundle {
  readonly lines: readonly string[];
  readonly unsigned: Omit<PolicyManifest, 'key' | 'signature'>;
}

export function falseBundle(own: PolicyManifest, issuedAt: string, bytes: Uint8Array): FalseBundle {
  const unsigned = {
    ...{ v: 1 as const, orgId: own.orgId, agentId: own.agentId, version: own.version + 1, issuedAt },
    ...{ hash: sha256Hex('what was promised'), bytes: bytes.byteLength },
  };
  return { unsigned, lines: manifestLines(unsigned) };
}
