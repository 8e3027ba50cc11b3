import { sha256Hex } from '@keyfleet/crypto';
import { toTimestamp } from '@keyfleet/kernel';
import { Commands } from './commands/commands.js';
import { ExecutedCommands } from './commands/executed.js';
import { Connection, type ConnectionOptions } from './connection.js';
import { Heart } from './heartbeat.js';
import type { Link, LinkHost, LinkStatus } from './host.js';
import { type EnrolOutcome, enrol, reasonOf } from './identity/enrol.js';
import { readIfThere } from './identity/files.js';
import { IdentityStore } from './identity/store.js';
import { backoff, fullJitter, type Pace, paceFromEnvironment } from './pace.js';
import { PolicyFetch } from './policies/fetch.js';
import { Quiet } from './policies/quiet.js';
import { Renewal } from './renewal.js';
import { sync } from './sync.js';
import { Upload } from './upload.js';

export type { Link, LinkHost } from './host.js';

/** Seams for tests and the simulator; an agent needs none of them. */
export interface LinkSeams {
  readonly pace?: Pace;
  readonly random?: () => number;
  readonly connect?: ConnectionOptions['connect'];
}

const ENROL_AGAIN = { firstMs: 1_000, ceilingMs: 60_000 };
const PRUNE_MS = 3_600_000;
const RESTART_MS = 5_000;

/**
 * The agent's side of the link. It resolves at once; everything else happens in the background and never ends by
 * itself. Throws where what is on disk cannot be this agent's identity.
 */
export async function startLink(host: LinkHost, seams: LinkSeams = {}): Promise<Link> {
  const link = new RunningLink(host, seams);
  link.start();
  return link;
}

class RunningLink implements Link {
  readonly #host: LinkHost;
  readonly #pace: Pace;
  readonly #random: () => number;
  readonly #ending = new AbortController();
  readonly #store: IdentityStore;
  readonly #connection: Connection;
  readonly #heart: Heart;
  readonly #renewal: Renewal;
  readonly #upload: Upload;
  readonly #policies: PolicyFetch | undefined;
  readonly #quiet: Quiet;
  #running: Promise<void> = Promise.resolve();
  #state: LinkStatus['state'] = 'unenrolled';
  #since: string;
  #lastAcknowledgedAt: string | null = null;

  constructor(host: LinkHost, seams: LinkSeams) {
    this.#host = host;
    this.#pace = seams.pace ?? paceFromEnvironment(process.env);
    this.#random = seams.random ?? Math.random;
    this.#since = toTimestamp(host.clock.now());
    this.#store = new IdentityStore(host.directory);
    const { journal, logger, clock, config } = host;
    const store = this.#store;
    const common = { store, pace: this.#pace, random: this.#random, logger, clock };
    const executed = new ExecutedCommands(host.directory);
    const commands = new Commands({
      ...common,
      executed,
      handlers: host.commands,
      beatNow: () => this.beatNow(),
      fetchPolicy: () => this.#policies?.ask(),
    });
    this.#connection = new Connection({
      ...common,
      connect: seams.connect,
      onConnect: () => this.#connected(),
      onDisconnect: () => this.#enter('offline'),
      onCommand: (payload) => void (this.#policies?.pushed(payload) || commands.handle(payload)),
      onRefused: (clear) => this.#renewal.refused(clear),
      onBroker: () => this.#renewal.brokerIsThere(),
    });
    const broker = this.#connection;
    this.#heart = new Heart({ ...common, host, broker, onBeat: () => void broker.probe() });
    const { policies } = host;
    const quiet = new Quiet(common);
    this.#quiet = quiet;
    const have = () => host.policy();
    const onToldTogether = (withinMs: number) => quiet.begin(withinMs);
    this.#policies = policies && new PolicyFetch({ ...common, broker, policies, have, onToldTogether });
    const onRevoked = () => {
      this.#enter('revoked');
      this.#store.markRevoked(this.#since);
    };
    this.#renewal = new Renewal({
      ...common,
      config,
      connection: broker,
      onRevoked,
      onRenewed: () => this.#state === 'revoked' && this.#enter('connecting'),
    });
    this.#upload = new Upload({
      ...common,
      journal,
      broker,
      sync: () => sync({ ...config, broker, journal, store }),
      // The beat of the connect may have come before anybody listened again.
      onSynced: () => this.beatNow(),
      onAcknowledged: () => {
        this.#lastAcknowledgedAt = toTimestamp(clock.now());
      },
      onRevoked,
      onUnknown: () => this.#renewal.unknown(),
      onBatch: host.onBatch,
      quietMs: () => quiet.leftMs,
    });
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      this.#host.logger.error(
        { reason: reasonOf(error) },
        'The link could not be started; the agent works by itself.',
      );
    });
  }

  status(): LinkStatus {
    return {
      state: this.#state,
      since: this.#since,
      lastAcknowledgedAt: this.#lastAcknowledgedAt,
      certificateExpiresAt: this.#store.current?.expiresAt ?? null,
    };
  }

  beatNow(): void {
    this.#heart.beatNow();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#connection.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    if (!(await this.#ensureEnrolled(signal))) return;
    const { journal } = this.#host;
    const policies = this.#policies;
    const identity = this.#store.current;
    if (!identity) return;
    // Killed between keeping the identity and telling the journal: told again.
    journal.identify(identity);
    // A revoked agent asks once whether that still holds, and else leaves the broker alone.
    this.#enter(identity.revokedAt ? 'revoked' : 'connecting');
    const stopListening = this.#listenToHealth(signal);
    try {
      await Promise.all([
        identity.revokedAt ? undefined : this.#connection.open(),
        this.#keep('heartbeat', () => this.#heart.run(signal)),
        this.#keep('renewal', () => this.#renewal.run(signal)),
        this.#keep('upload', () => this.#upload.run(signal)),
        policies && this.#keep('policies', () => policies.run(signal)),
        this.#keep('prune', () => this.#prune(signal)),
      ]);
    } finally {
      stopListening();
    }
  }

  /** A beat at once; where nothing but the policy changed, at this agent's moment. */
  #listenToHealth(signal: AbortSignal): () => void {
    const condition = () => {
      const { storage, seal } = this.#host.health();
      return `${storage} ${seal}`;
    };
    let before = condition();
    return this.#host.onHealthChange(() => {
      const now = condition();
      if (now === before) this.#quiet.after(() => this.beatNow(), signal);
      else this.beatNow();
      before = now;
    });
  }

  /** A disk that refuses ends a loop's turn, never the loop. */
  async #keep(part: string, run: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await run();
      } catch (error) {
        const reason = reasonOf(error);
        this.#host.logger.error({ part, reason }, 'A part of the link failed and is started again.');
        await this.#pace.sleep(RESTART_MS, signal);
      }
    }
  }

  async #ensureEnrolled(signal: AbortSignal): Promise<boolean> {
    const { config, logger } = this.#host;
    const { controlPlaneUrl, enrolmentTokenFile } = config;
    if (this.#mayEnrolAnew()) this.#store.forget();
    if (this.#store.current) return true;
    if (controlPlaneUrl === undefined || enrolmentTokenFile === undefined) {
      logger.info({}, 'There is no enrolment token; the agent works by itself.');
      return false;
    }
    for (let failures = 1; !signal.aborted; failures += 1) {
      const outcome = await this.#enrol(controlPlaneUrl, enrolmentTokenFile);
      if (outcome.kind === 'enrolled') return true;
      if (outcome.kind === 'refused') return false;
      const wait = fullJitter(backoff(failures, ENROL_AGAIN), this.#random);
      await this.#pace.sleep(Math.max(wait, outcome.retryAfterMs ?? 0), signal);
    }
    return false;
  }

  /** A revoked agent that is given another token becomes a new agent, with a key of its own. */
  #mayEnrolAnew(): boolean {
    const { enrolmentTokenFile } = this.#host.config;
    const { current } = this.#store;
    if (!current?.revokedAt || enrolmentTokenFile === undefined) return false;
    const token = readIfThere(enrolmentTokenFile)?.trim();
    return token !== undefined && sha256Hex(token) !== current.tokenHash;
  }

  /** One attempt, and what is said about it. */
  async #enrol(controlPlaneUrl: string, tokenFile: string): Promise<EnrolOutcome> {
    const { config, clock, logger, journal } = this.#host;
    const { signal } = this.#ending;
    const token = readIfThere(tokenFile)?.trim();
    const outcome: EnrolOutcome =
      token === undefined
        ? { kind: 'later', reason: 'no-token-file' }
        : await enrol({ store: this.#store, config, controlPlaneUrl, token, clock, signal });
    if (outcome.kind === 'enrolled') {
      const { agentId, orgId } = outcome.identity;
      journal.identify(outcome.identity);
      logger.info({ agentId, orgId }, 'The agent is enrolled.');
    } else if (outcome.kind === 'refused')
      logger.error({ code: outcome.code }, 'Enrolment was refused; the agent needs a new enrolment token.');
    else if (outcome.reason === 'pin-mismatch')
      logger.error({}, 'This is not the control plane the enrolment token names; nothing was sent to it.');
    else if (!signal.aborted)
      logger.warn({ reason: outcome.reason }, 'Enrolment did not succeed yet and is tried again.');
    return outcome;
  }

  async #prune(signal: AbortSignal): Promise<void> {
    const { journal, clock, logger } = this.#host;
    do {
      try {
        journal.prune(clock.now());
      } catch {
        logger.warn({}, 'The journal could not be pruned; it is tried again in an hour.');
      }
    } while (await this.#pace.sleep(PRUNE_MS, signal));
  }

  #connected(): void {
    this.#renewal.connected();
    this.#enter('connected');
    this.#upload.reconnected();
    this.#policies?.reconnected();
    this.#heart.beatNow();
  }

  #enter(state: LinkStatus['state']): void {
    // What the broker does to a revoked agent's connection changes nothing about that.
    if (this.#state === state || (this.#state === 'revoked' && state === 'offline')) return;
    this.#state = state;
    this.#since = toTimestamp(this.#host.clock.now());
    this.#host.logger.info({ state }, 'The link to the control plane changed.');
  }
}
