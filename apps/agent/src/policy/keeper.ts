import type { PolicyManifest } from '@keyfleet/contracts';
import { PolicyApplied, PolicyRejected } from '@keyfleet/contracts/events';
import { type Clock, isKeyfleetError, toTimestamp } from '@keyfleet/kernel';
import { prepareEvent } from '../audit/prepare.js';
import type { LinkLogger } from '../link/host.js';
import { endBypass } from './bypass.js';
import {
  decidingBy,
  isSignedAnew,
  isStanding,
  NOBODYS,
  type PolicyInForce,
  type Standing,
  standingBy,
} from './in-force.js';
import { type Compile, compileBundle, judgeManifest, type PolicyIdentity, readBundle } from './judge.js';
import { changeRecord, type PolicyChange, type PolicyMemory } from './memory.js';
import { isRemembered, RefusalLimit, type Refused, Unreadable, withoutVersion } from './refusals.js';
import { verifyKept } from './restore.js';
import { isBypassed, NO_POLICY, type PolicyState } from './state.js';

export interface PolicyKeeperOptions {
  readonly memory: PolicyMemory;
  readonly clock: Pick<Clock, 'now'>;
  /** Whose agent this is now; null before enrolment. */
  readonly agentId: () => string | null;
  /** The newest audit line. */
  readonly auditSeq?: () => Promise<number>;
  readonly compile?: Compile;
  readonly logger?: Pick<LinkLogger, 'info' | 'warn' | 'error'>;
}

export type ManifestVerdict = 'known' | 'refused' | 'wanted';

/** As it stands in the agent's own status. */
export interface PolicyStatus {
  readonly version: number;
  readonly hash: string | null;
  readonly verified: boolean;
  readonly bypassedUntil: string | null;
}

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * The policy this agent decides by. It only ever changes to one that is signed for this agent, newer, whole and
 * compiled; whatever else comes is told once and changes nothing.
 */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #logger: Pick<LinkLogger, 'info' | 'warn' | 'error'>;
  readonly #listeners = new Set<() => void>();
  readonly #refusals = new RefusalLimit();
  readonly #unreadable = new Unreadable();
  #standing: Standing = NOBODYS;
  #inForce: PolicyInForce | null = null;
  #state: PolicyState = NO_POLICY;
  /** In force, and not yet on record. */
  #untold = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    this.#logger = options.logger ?? SILENT;
  }

  /**
   * Before anything is decided: takes up what the disk has, after the same checks as when it came. What fails them
   * decides nothing but denials until a good one is fetched.
   */
  async open(identity: PolicyIdentity | undefined): Promise<void> {
    const { memory, compile = compileBundle } = this.#options;
    this.#state = (await memory.record()).state;
    const kept = verifyKept({ files: memory.files, state: this.#state, identity, compile });
    if (!kept) return;
    if (kept.refused) {
      const { agentId, version, hash } = this.#state;
      this.#stand({ agentId, version, hash, compiled: null, verified: false, signed: null });
      this.#logger.error(
        { code: kept.refused.code, version },
        'The policy on disk is not what was applied here; everything is denied until a good one is fetched.',
      );
      if (kept.refused.hash !== null) this.#tellRefusal({ ...kept.refused, hash: kept.refused.hash });
      return;
    }
    const { agentId, version } = kept.manifest;
    this.#stand(standingBy(kept.manifest, kept.compiled));
    this.#untold = this.#state.version !== version || this.#state.agentId !== agentId;
    await this.tick();
  }

  /** What decides now; null where no policy holds or it is set aside. Read once for each request. */
  current(): PolicyInForce | null {
    // No cache of decisions: the engine takes a few microseconds, and nothing can go stale where nothing is kept.
    return isBypassed(this.#state.bypass, this.#options.clock.now()) ? null : this.#inForce;
  }

  /** For heartbeats: null where none was applied for this agent, or it cannot be vouched for. */
  inForce(): { version: number; hash: string } | null {
    const { agentId, version, hash, verified } = this.#standing;
    if (!verified || hash === null || agentId !== this.#options.agentId()) return null;
    return { version, hash };
  }

  /** Null where there is nothing to say. */
  status(): PolicyStatus | null {
    const { version, hash, verified } = this.#standing;
    const { bypass } = this.#state;
    const bypassedUntil = bypass && isBypassed(bypass, this.#options.clock.now()) ? bypass.until : null;
    if (version === 0 && verified && bypassedUntil === null) return null;
    return { version, hash, verified, bypassedUntil };
  }

  /** Called after another policy is in force, or none. Returns the way to stop. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is to be done with a manifest; a refusal is told. */
  consider(manifest: PolicyManifest, identity: PolicyIdentity): ManifestVerdict {
    const code = judgeManifest(manifest, identity);
    if (code) return this.#refused({ ...manifest, code });
    const floor = this.#floor(identity.agentId);
    const isOlder = manifest.version < floor.version;
    const isOther = manifest.version === floor.version && manifest.hash !== floor.hash;
    if (isOlder || isOther) return this.#refused({ ...manifest, code: 'older' });
    if (isStanding(this.#standing, manifest)) {
      this.#keepSigned(manifest, identity);
      return 'known';
    }
    return this.#unreadable.has(manifest) ? this.#refused({ ...manifest, code: 'invalid' }) : 'wanted';
  }

  /**
   * Nothing changes but who vouches for it: once the key before is pinned no more, a restart must find on disk what
   * still counts. A disk that refuses is no harm yet; the next answer is kept then.
   */
  #keepSigned(manifest: PolicyManifest, { commandKeys }: PolicyIdentity): void {
    const isDue = () => isSignedAnew(this.#standing, manifest, commandKeys);
    if (!isDue()) return;
    const kept = this.#inTurn(async () => {
      const bundle = isDue() ? this.bundle(manifest.hash) : undefined;
      if (!bundle) return;
      this.#options.memory.files.keep(manifest, bundle);
      this.#standing = { ...this.#standing, signed: manifest };
      this.#logger.info({ version: manifest.version }, 'The policy in force is vouched for by another key.');
    });
    kept.catch(() => undefined);
  }

  /** The bundle of what lies on disk, where it is this one. */
  bundle(hash: string): Uint8Array | undefined {
    return this.#standing.hash === hash && this.#standing.verified
      ? this.#options.memory.files.bundle(hash)
      : undefined;
  }

  /** Puts a policy in force; false, and nothing changes, where it is refused. Throws where the disk refuses. */
  apply(manifest: PolicyManifest, bundle: Uint8Array, identity: PolicyIdentity): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.consider(manifest, identity) !== 'wanted') return false;
      const { memory, compile = compileBundle } = this.#options;
      const read = readBundle(bundle, manifest, compile);
      if (read.refusal) {
        if (read.refusal === 'invalid') this.#unreadable.add(manifest);
        this.#refused({ ...manifest, code: read.refusal });
        return false;
      }
      memory.files.keep(manifest, bundle);
      const { version, hash } = manifest;
      this.#stand(standingBy(manifest, read.compiled));
      this.#untold = true;
      this.#logger.info({ version, hash }, 'Another policy is in force.');
      await this.#tell();
      this.#announce();
      return true;
    });
  }

  /** The control plane says that no policy ever held for this agent: believed of a new one only. */
  noneHolds(identity: PolicyIdentity): Promise<void> {
    return this.#inTurn(async () => {
      const { agentId, version, verified } = this.#standing;
      if (version === 0 && verified) return;
      if (agentId === identity.agentId) {
        this.#logger.warn(
          { version },
          'The control plane knows no policy of this agent; the last one holds.',
        );
        return;
      }
      await this.#change((state) => ({ state: { ...NO_POLICY, bypass: state.bypass }, events: [] }));
      this.#options.memory.files.clear();
      this.#stand(NOBODYS);
      this.#announce();
    });
  }

  /** Once a second or so: what the command line changed meanwhile, a bypass that is over, what is still to be told. */
  async tick(): Promise<void> {
    await this.#inTurn(async () => {
      const before = this.#state.bypass;
      this.#state = (await this.#options.memory.record()).state;
      const { bypass } = this.#state;
      if (bypass?.since !== before?.since)
        this.#logger.warn({ until: bypass?.until ?? null }, 'The policy was set aside, or decides again.');
      if (bypass && !isBypassed(bypass, this.#options.clock.now())) await this.#expire();
      if (this.#untold) await this.#tell();
    });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  /** On record, that is: over it is by itself. A disk that refuses is asked again with the next tick. */
  async #expire(): Promise<void> {
    const now = this.#options.clock.now();
    try {
      const auditSeq = (await this.#options.auditSeq?.()) ?? 0;
      await this.#change((state) =>
        isBypassed(state.bypass, now) ? undefined : endBypass(state, { now, auditSeq, by: 'expired' }),
      );
      this.#logger.info({}, 'The time for which the policy was set aside is over.');
    } catch (error) {
      if (!isKeyfleetError(error, 'vault.degraded')) throw error;
    }
  }

  /** The highest this agent ever decided by. */
  #floor(agentId: string): { version: number; hash: string | null } {
    const known = [this.#standing, this.#state].filter((one) => one.agentId === agentId);
    return known.reduce((highest, one) => (one.version > highest.version ? one : highest), NOBODYS);
  }

  #refused(refused: Refused): 'refused' {
    this.#tellRefusal(refused);
    return 'refused';
  }

  #tellRefusal({ version, hash, code }: Refused): void {
    if (isRemembered(this.#state.refused, { version, hash, code })) return;
    const now = this.#options.clock.now();
    const told = this.#inTurn(() =>
      this.#change((state) => {
        const refused = this.#refusals.admit(state.refused, { version, hash, code }, now);
        if (!refused) return undefined;
        this.#logger.warn({ code, version, hash }, 'A policy was refused; the one before stays in force.');
        const event = prepareEvent(PolicyRejected, { version, hash, code }, toTimestamp(now));
        return { state: { ...state, refused }, events: [event] };
      }),
    );
    // A disk that refuses is told of by its health; the next refusal is told then.
    told.catch(() => undefined);
  }

  /** Journals what is in force. A disk that refuses leaves it in force, and it is told later. */
  async #tell(): Promise<void> {
    const { agentId, version, hash } = this.#standing;
    if (hash === null) return;
    try {
      await this.#change((state) => ({
        state: { ...state, agentId, version, hash, refused: withoutVersion(state.refused, version) },
        events: [prepareEvent(PolicyApplied, { version, hash }, toTimestamp(this.#options.clock.now()))],
      }));
      this.#untold = false;
    } catch (error) {
      if (!isKeyfleetError(error, 'vault.degraded')) throw error;
    }
  }

  async #change(change: (state: PolicyState) => PolicyChange | undefined): Promise<void> {
    this.#state = await changeRecord(this.#options.memory, change);
  }

  #stand(standing: Standing): void {
    this.#standing = standing;
    this.#inForce = decidingBy(standing);
  }

  #announce(): void {
    for (const listener of this.#listeners) queueMicrotask(listener);
  }

  /** One after the other: what a step read is still so when it writes. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(step);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}
