import {
  type PolicyManifest,
  type PolicyPush,
  type RpcPolicyRequest,
  rpcPolicyReply,
} from '@keyfleet/contracts';
import { readPush } from '../../policy/judge.js';
import type { Broker } from '../broker.js';
import type { LinkLogger, LinkPolicies } from '../host.js';
import { reasonOf } from '../identity/enrol.js';
import type { IdentityStore, StoredIdentity } from '../identity/store.js';
import { backoff, fullJitter, type Pace } from '../pace.js';
import { Signal } from '../signal.js';
import { enclosedBundle } from './enclosed.js';
import { Pieces } from './pieces.js';

export interface PolicyFetchOptions {
  readonly store: IdentityStore;
  readonly broker: Broker;
  readonly policies: LinkPolicies;
  readonly pace: Pace;
  readonly random: () => number;
  readonly logger: LinkLogger;
  /** The version in force, for the control plane to know; null where there is none. */
  have(): { readonly version: number } | null;
  /** Many were told of this policy at once: what is said of it may come within so long. */
  onToldTogether(withinMs: number): void;
}

const TIMEOUT_MS = 10_000;
const AGAIN = { firstMs: 500, ceilingMs: 60_000 };
const REFUSED_AGAIN = { firstMs: 5_000, ceilingMs: 600_000 };
/** Nobody makes an agent wait longer than this for its policy. */
const MOST_MS = 10 * 60_000;
/** Asked anew now and then, should a push have been lost on a connection that stayed. */
const LOOK_MS = 15 * 60_000;
/** A push carries a small bundle at most; a reply carries one piece of any. */
const MAX_PUSH_BYTES = 16 * 1_024;
const MAX_REPLY_BYTES = 512 * 1_024;

/** What became of a turn: how long to wait, or nothing where there may be more to do at once. */
type Next = {
  readonly waitMs: number;
  /** Asked for by the control plane: not even another push shortens it. */
  readonly strict?: true;
};

type Piece = Extract<ReturnType<typeof rpcPolicyReply.parse>, { data: string }>;

/**
 * Brings the newest policy here: told of by a push, or asked for after each connect and at the control plane's word.
 * One question at a time; a newer manifest takes the place of the one whose bundle is on its way.
 */
export class PolicyFetch {
  readonly #options: PolicyFetchOptions;
  readonly #wake = new Signal();
  readonly #connections = new Signal();
  /** Judged and wanted; its bundle is not here yet. */
  #wanted: PolicyManifest | undefined;
  /** What came with its push. */
  #enclosed: string | undefined;
  #pieces: Pieces | undefined;
  #asking = false;
  #failures = 0;

  constructor(options: PolicyFetchOptions) {
    this.#options = options;
  }

  /** Ask which policy holds. */
  ask(): void {
    this.#asking = true;
    this.#wake.set();
  }

  /** Who answers now may be somebody else: nothing that was to be waited for still is. */
  reconnected(): void {
    this.#connections.set();
    this.ask();
  }

  /** Takes what came on the `cmd` subject where it is a push; false where it is something else. */
  pushed(payload: Uint8Array): boolean {
    const push = readPushed(payload);
    if (push) this.#take(push.manifest, push);
    return push !== undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { count } = this.#wake;
      const idle = !this.#options.broker.connected || (!this.#asking && !this.#wanted);
      if (idle) await this.#idle(count, signal);
      else await this.#turn(signal);
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { count } = this.#wake;
    const next = await (this.#asking ? this.#askManifest() : this.#fetch()).catch((error: unknown): Next => {
      this.#options.logger.debug({ reason: reasonOf(error) }, 'A policy could not be fetched yet.');
      return this.#later();
    });
    if (next) await this.#wait(next, count, signal);
  }

  /** A policy that was pushed is judged when it comes, so that nothing older ever takes its place. */
  #take(manifest: PolicyManifest, { bundle, reportWithinMs }: Partial<PolicyPush> = {}): void {
    const { store, policies } = this.#options;
    if (!store.current || policies.consider(manifest, store.current) !== 'wanted') return;
    if (this.#wanted && this.#wanted.version >= manifest.version) return;
    this.#wanted = manifest;
    this.#enclosed = bundle;
    // Of genuine and newer ones only: nobody else shall keep an agent from speaking.
    if (reportWithinMs !== undefined) this.#options.onToldTogether(reportWithinMs);
    this.#wake.set();
  }

  async #askManifest(): Promise<Next | undefined> {
    const { policies, have } = this.#options;
    // Whoever asks meanwhile is answered by the next question.
    this.#asking = false;
    const identity = this.#identity();
    try {
      const reply = await this.#request({ v: 1, kind: 'manifest', have: have()?.version ?? 0 });
      if ('retryAfterMs' in reply) return this.#askAgain(reply.retryAfterMs);
      if ('code' in reply) return this.#refusedBy(reply.code);
      if (!('manifest' in reply)) throw new Error('not the answer to this question');
      if (reply.manifest) this.#take(reply.manifest);
      else await policies.noneHolds(identity);
      return undefined;
    } catch (error) {
      this.#asking = true;
      throw error;
    }
  }

  #askAgain(ms: number): Next {
    this.#asking = true;
    return { waitMs: bounded(ms), strict: true };
  }

  async #fetch(): Promise<Next | undefined> {
    const manifest = this.#wanted;
    if (!manifest) return undefined;
    const at = this.#options.policies.bundle(manifest.hash) ?? this.#given(manifest);
    if (at) return this.#apply(manifest, at);
    if (this.#pieces?.hash !== manifest.hash) this.#pieces = new Pieces(manifest);
    const pieces = this.#pieces;
    if (pieces.complete) return this.#apply(manifest, pieces.bytes);
    const { hash } = manifest;
    const reply = await this.#request({ v: 1, kind: 'bundle', hash, offset: pieces.offset });
    if ('retryAfterMs' in reply) return { waitMs: bounded(reply.retryAfterMs), strict: true };
    if ('code' in reply) return this.#gone(manifest, reply.code);
    if (!('data' in reply)) throw new Error('not the answer to this question');
    return this.#add(manifest, pieces, reply);
  }

  /** Looked at once: where it is not what was announced, it is fetched. */
  #given(manifest: PolicyManifest): Uint8Array | undefined {
    const enclosed = this.#enclosed;
    this.#enclosed = undefined;
    return enclosed === undefined ? undefined : enclosedBundle(enclosed, manifest);
  }

  /** A piece that does not fit is judged like a whole that does not: the bundle is not what was announced. */
  async #add(manifest: PolicyManifest, pieces: Pieces, piece: Piece): Promise<Next | undefined> {
    if (!pieces.add(piece)) return this.#apply(manifest, pieces.bytes.subarray(0, pieces.offset));
    this.#failures = 0;
    return undefined;
  }

  async #apply(manifest: PolicyManifest, bytes: Uint8Array): Promise<Next | undefined> {
    const applied = await this.#options.policies.apply(manifest, bytes, this.#identity());
    this.#pieces = undefined;
    // A newer one may have come meanwhile.
    if (this.#wanted === manifest) this.#wanted = undefined;
    if (applied) {
      this.#failures = 0;
      return undefined;
    }
    // Whoever gave us this may give us something better later.
    this.#asking = true;
    return this.#later(REFUSED_AGAIN);
  }

  /** The control plane has another bundle by now, or none at all of this name: which one holds is asked anew. */
  #gone(manifest: PolicyManifest, code: string): Next {
    if (this.#wanted === manifest) this.#wanted = undefined;
    this.#pieces = undefined;
    this.#asking = true;
    return this.#refusedBy(code);
  }

  #refusedBy(code: string): Next {
    this.#options.logger.debug({ reason: code }, 'The control plane gives no policy.');
    return this.#later();
  }

  #later(pause = AGAIN): Next {
    this.#failures += 1;
    return { waitMs: fullJitter(backoff(this.#failures, pause), this.#options.random) };
  }

  async #request(request: RpcPolicyRequest): Promise<ReturnType<typeof rpcPolicyReply.parse>> {
    const bytes = await this.#options.broker.request('rpc.policy', JSON.stringify(request), TIMEOUT_MS);
    if (bytes.byteLength > MAX_REPLY_BYTES) throw new Error('the answer is too large');
    return rpcPolicyReply.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }

  #identity(): StoredIdentity {
    const identity = this.#options.store.current;
    if (!identity) throw new Error('unenrolled');
    return identity;
  }

  async #idle(count: number, signal: AbortSignal): Promise<void> {
    const { pace, random, broker } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const look = pace.sleep(LOOK_MS * (0.5 + random()), either);
    await Promise.race([this.#wake.after(count, either), look.then((due) => void (due && this.ask()))]);
    over.abort('over');
    // Without a connection there is nothing to do until there is one.
    if (!broker.connected) await this.#connections.after(this.#connections.count, signal);
  }

  /** A new connection ends every waiting. */
  async #wait({ waitMs, strict }: Next, count: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const ends = [
      this.#options.pace.sleep(waitMs, either),
      this.#connections.after(this.#connections.count, either),
      ...(strict ? [] : [this.#wake.after(count, either)]),
    ];
    await Promise.race(ends);
    over.abort('over');
  }
}

function bounded(ms: number): number {
  return Math.min(Math.max(ms, 1), MOST_MS);
}

function readPushed(payload: Uint8Array): PolicyPush | undefined {
  if (payload.byteLength > MAX_PUSH_BYTES) return undefined;
  try {
    return readPush(JSON.parse(Buffer.from(payload).toString('utf8')));
  } catch {
    return undefined;
  }
}
