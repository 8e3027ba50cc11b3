import type { PolicyManifest } from '@keyfleet/contracts';
import {
  type Compile,
  type CompiledBundle,
  judgeManifest,
  type PolicyIdentity,
  type Refusal,
  readBundle,
  readManifest,
} from './judge.js';
import type { PolicyFiles } from './memory.js';
import type { PolicyState } from './state.js';

export interface KeptPolicy {
  readonly files: PolicyFiles;
  readonly state: PolicyState;
  /** Undefined where the agent has none: then nobody can vouch for anything. */
  readonly identity: PolicyIdentity | undefined;
  readonly compile: Compile;
}

export type VerifiedPolicy =
  | { readonly refused?: undefined; readonly manifest: PolicyManifest; readonly compiled: CompiledBundle }
  | {
      readonly refused: { readonly version: number; readonly hash: string | null; readonly code: Refusal };
    };

/** What the files come to at a start; undefined where there never was a policy. */
export function verifyKept({ files, state, identity, compile }: KeptPolicy): VerifiedPolicy | undefined {
  const text = textOf(files);
  if (text === undefined && state.version === 0) return undefined;
  const manifest = text === undefined ? undefined : manifestOf(text);
  const refuse = (code: Refusal): VerifiedPolicy => {
    const { version, hash } = manifest ?? state;
    return { refused: { version, hash, code } };
  };
  if (!manifest) return refuse('invalid');
  if (!identity) return refuse('foreign');
  const code = judgeManifest(manifest, identity) ?? judgeVersion(manifest, state);
  if (code) return refuse(code);
  const bytes = bundleOf(files, manifest.hash);
  if (!bytes) return refuse('hash');
  const read = readBundle(bytes, manifest, compile);
  return read.refusal ? refuse(read.refusal) : { manifest, compiled: read.compiled };
}

/** Somebody put older files back. */
function judgeVersion({ agentId, version, hash }: PolicyManifest, state: PolicyState): Refusal | undefined {
  if (state.agentId !== agentId || version > state.version) return undefined;
  return version === state.version && hash === state.hash ? undefined : 'older';
}

function textOf(files: PolicyFiles): string | undefined {
  try {
    return files.manifest();
  } catch {
    // There, and not to be read: as good as damaged.
    return '';
  }
}

function bundleOf(files: PolicyFiles, hash: string): Uint8Array | undefined {
  try {
    return files.bundle(hash);
  } catch {
    return undefined;
  }
}

function manifestOf(text: string): PolicyManifest | undefined {
  try {
    return readManifest(JSON.parse(text));
  } catch {
    return undefined;
  }
}
