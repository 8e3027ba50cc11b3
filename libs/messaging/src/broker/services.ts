import { type AgentSubjectKind, allAgents, serviceInbox } from '@keyfleet/contracts/messages';

/** The processes that speak on the broker beside agents. */
export const SERVICES = ['gateway', 'registry', 'policy', 'analytics', 'notify'] as const;
export type Service = (typeof SERVICES)[number];

interface ServiceSubjects {
  /** Command contexts it answers: `kf.svc.<context>.<command>`. */
  readonly answers: readonly string[];
  /** Command contexts it may ask. */
  readonly asks: readonly string[];
  /** Kinds of agent subjects it listens to. */
  readonly hears: readonly AgentSubjectKind[];
  /** Whether it may put signed commands on agents' `cmd` subjects. */
  readonly tells: boolean;
  /** Subjects it both publishes and hears, for itself. */
  readonly own: readonly string[];
}

/** The one table broker permissions of services come from: nothing that is not here can be said or heard. */
export const SERVICE_SUBJECTS: Readonly<Record<Service, ServiceSubjects>> = {
  gateway: {
    answers: [],
    asks: ['registry', 'policy', 'analytics', 'notify'],
    hears: [],
    tells: false,
    own: [],
  },
  registry: {
    answers: ['registry', 'authority'],
    asks: [],
    hears: ['hb', 'ev', 'rpc.sync', 'rpc.renew'],
    tells: true,
    // The canary that tells our own outage from an agent's silence.
    own: ['kf.canary.>'],
  },
  // Signatures are made by the registry's authority alone; policy asks for them.
  policy: { answers: ['policy'], asks: ['authority'], hears: ['rpc.policy'], tells: true, own: [] },
  analytics: { answers: ['analytics'], asks: [], hears: [], tells: false, own: [] },
  notify: { answers: ['notify'], asks: [], hears: [], tells: false, own: [] },
};

/** Services that may ask commands of this context; a responder answers nobody else. */
export function callersOf(context: string): Service[] {
  return SERVICES.filter((service) => SERVICE_SUBJECTS[service].asks.includes(context));
}

export interface SubjectPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

export function servicePermissions(service: Service): SubjectPermissions {
  const { answers, asks, hears, tells, own } = SERVICE_SUBJECTS[service];
  const callers = new Set(answers.flatMap(callersOf));
  const answersAgents = hears.some((kind) => kind !== 'hb');
  return {
    publish: [
      ...asks.map((context) => `kf.svc.${context}.*`),
      ...[...callers].map((caller) => `${serviceInbox(caller)}.>`),
      // Agents' inboxes: ids are not known beforehand. Replies of any other form are refused by the broker too.
      ...(answersAgents ? ['_INBOX.*.>'] : []),
      ...(tells ? [allAgents('cmd')] : []),
      ...own,
    ],
    subscribe: [
      ...answers.map((context) => `kf.svc.${context}.*`),
      ...hears.map(allAgents),
      ...own,
      `${serviceInbox(service)}.>`,
    ],
  };
}
