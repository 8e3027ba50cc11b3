/** What a simulator process is told at its start, as JSON in the environment variable `KEYFLEET_SIMULATOR`. */
export interface SimulatorSettings {
  /** Of the gateway, for enrolment and renewal. */
  readonly controlPlaneUrl: string;
  /** Seeds every choice: names, arrival times, which agents a share picks, what is journaled. */
  readonly seed: string;
  /** Holds one folder per agent with its identity, as a real agent's disk would; kept over a restart. */
  readonly directory: string;
  /** Each agent drops its acknowledged entries whenever it has so many; 200 by default. A store that is put back needs them. */
  readonly pruneAt?: number;
  /** Which share of the agents, drawn by the seed, refuses every policy bundle; none by default. */
  readonly refusePolicies?: number;
}

/** A choice of agents: by index (in the order they were added, from 0), or everybody. */
export type AgentChoice = readonly number[] | 'all';

/** What a simulated agent is asked to decide; its policy is all it decides by. */
export interface SimulatedRequest {
  readonly principal: string;
  readonly groups?: readonly string[];
  readonly action: string;
  readonly path: string | null;
}

/** One request to the simulator, over the IPC channel; each is answered once, by `id`. */
export type SimulatorCommand =
  /** Adds agents and starts their links, so many a second; answered when each is enrolled and connected. */
  | {
      readonly kind: 'add';
      readonly agents: number;
      readonly enrolmentToken: string;
      readonly perSecond?: number;
      readonly labels?: Readonly<Record<string, string>>;
    }
  /** The process dies: the link ends without a farewell, its disk stays. */
  | { readonly kind: 'kill'; readonly agents: AgentChoice }
  /** Comes back with the same disk, a new boot id. */
  | { readonly kind: 'revive'; readonly agents: AgentChoice }
  /** Alive but mute: nothing is sent, nothing is read, the connection stays open. */
  | { readonly kind: 'silence'; readonly agents: AgentChoice }
  | { readonly kind: 'speak'; readonly agents: AgentChoice }
  /** Goes away and comes back over and over, with this period, until `speak`. */
  | { readonly kind: 'flap'; readonly agents: AgentChoice; readonly periodMs: number }
  /** A second process with a copy of the disk; it is one agent more, at the end of the list. */
  | { readonly kind: 'clone'; readonly agents: AgentChoice }
  /** Keeps an image of the disk, journal and identity, to be put back later. */
  | { readonly kind: 'image'; readonly agents: AgentChoice }
  /** Dies, gets its image back (a rolled-back disk) and starts again. */
  | { readonly kind: 'rollback'; readonly agents: AgentChoice }
  /** Its wall clock is off by so much. */
  | { readonly kind: 'skew'; readonly agents: AgentChoice; readonly ms: number }
  /** Journals so many entries at each, spread over the time (of the agents' pace), by those that live; answered when they are journaled (not acknowledged). */
  | {
      readonly kind: 'journal';
      readonly agents: AgentChoice;
      readonly entries: number;
      readonly overMs?: number;
      /** How old the oldest of them claims to be: a backlog after weeks. */
      readonly agoMs?: number;
    }
  /** From now on they refuse every policy bundle as invalid, or the one of this hash, or take them again (a version refused once stays so). */
  | {
      readonly kind: 'refuse';
      readonly agents: AgentChoice;
      readonly policies: boolean | { readonly hash: string };
    }
  /** What each report answers from now on, by the policy in force at that moment. */
  | { readonly kind: 'ask'; readonly agents: AgentChoice; readonly request: SimulatedRequest }
  /** Answered when every entry of theirs was acknowledged. */
  | { readonly kind: 'drained'; readonly agents: AgentChoice }
  /** Answered when each is connected. */
  | { readonly kind: 'connected'; readonly agents: AgentChoice }
  | { readonly kind: 'report' };

/** What one agent has to say about itself. */
export interface SimulatedAgent {
  readonly index: number;
  /** Empty until it is enrolled. */
  readonly agentId: string;
  readonly orgId: string;
  readonly state: 'unenrolled' | 'connecting' | 'connected' | 'offline' | 'revoked' | 'dead';
  /** Attempts to connect since it was added, and those that failed. */
  readonly attempts: number;
  readonly failures: number;
  readonly journal: { readonly epoch: number; readonly seq: number; readonly acknowledged: number };
  /** SHA-256 over every entry's id in the order it was journaled, in hex: what a history is compared with. */
  readonly idsHash: string;
  readonly recorded: number;
  /** When it was last killed, silenced or came back, in real milliseconds since the epoch. */
  readonly killedAt: number | null;
  readonly connectedAt: number | null;
  /** In force: with when it was put in force here, in real milliseconds since the epoch; null after a restart. */
  readonly policy: {
    readonly version: number;
    readonly hash: string;
    readonly appliedAt: number | null;
  } | null;
  /** Those it put in force since it was added, the newest last; of more than 20 the newest ones. */
  readonly policiesApplied: readonly { readonly version: number; readonly hash: string }[];
  /** How many policies it refused, and the last one's code. */
  readonly policyRefusals: { readonly count: number; readonly last: string | null };
  /** Its answer to what was asked last; null where nothing was. Without a policy everything is allowed. */
  readonly verdict: 'allowed' | 'denied' | null;
}

export interface SimulatorReport {
  readonly agents: readonly SimulatedAgent[];
  /** Of the simulator itself, since its start. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** Of everything that came to nothing, attempts to connect among them: the machine's word for why, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Attempts to connect by all agents, by the tenth of a second (since the epoch, in real time) they are made in; one that is to come stands there too. */
  readonly attempts: Readonly<Record<string, number>>;
}

export interface SimulatorRequest {
  readonly id: number;
  readonly command: SimulatorCommand;
}

export type SimulatorAnswer =
  | { readonly id: number; readonly ok: true; readonly report?: SimulatorReport }
  | { readonly id: number; readonly ok: false; readonly message: string };
