import { type AgentAddress, agentInbox, agentSubject, RPC_VERBS } from '@keyfleet/contracts/messages';

/** Who takes part: the forger is a genuine agent with genuine credentials. */
export interface Cast {
  readonly me: AgentAddress;
  /** Another agent of the same organisation. */
  readonly neighbour: AgentAddress;
  /** An agent of another organisation. */
  readonly stranger: AgentAddress;
  /** Public key of the broker account. */
  readonly account: string;
}

/** The forger says something on a subject that is not its own. */
export interface ForgedPublish {
  readonly kind: 'publish';
  readonly name: string;
  readonly subject: string;
}

/** The forger listens where it may not; `bait` is a subject the subscription would match. */
export interface ForgedSubscribe {
  readonly kind: 'subscribe';
  readonly name: string;
  readonly subject: string;
  readonly bait: string;
  readonly queue?: string;
}

/** The forger asks on its own subject and names somebody else's as the place for the answer. */
export interface ForgedReply {
  readonly kind: 'reply';
  readonly name: string;
  readonly subject: string;
  readonly reply: string;
}

export type Forgery = ForgedPublish | ForgedSubscribe | ForgedReply;

const AGENT_SAYS = ['hb', 'ev', ...RPC_VERBS.map((verb) => `rpc.${verb}` as const)] as const;

function publishes(cast: Cast): [string, string][] {
  const { me, neighbour, stranger, account } = cast;
  const others: [string, AgentAddress][] = [
    ['a neighbour', neighbour],
    ['a stranger', stranger],
    ['itself in another organisation', { ...me, orgId: stranger.orgId }],
    ['a stranger moved into its organisation', { ...stranger, orgId: me.orgId }],
  ];
  const own = `kf.v1.${me.orgId}.${me.agentId}`;
  return [
    ...others.flatMap(([who, address]) =>
      AGENT_SAYS.map((kind): [string, string] => [`${kind} of ${who}`, agentSubject(address, kind)]),
    ),
    ['a command to a neighbour', agentSubject(neighbour, 'cmd')],
    ['a command to a stranger', agentSubject(stranger, 'cmd')],
    ['a command to itself', agentSubject(me, 'cmd')],
    ['an inbox of a neighbour', `${agentInbox(neighbour.agentId)}.abc`],
    ['an inbox of a service', '_INBOX.svc.gateway.abc'],
    ['an inbox of the authority', '_INBOX.svc.authority.abc'],
    ['a heartbeat for everybody', 'kf.v1.*.*.hb'],
    ['a journal for its whole organisation', `kf.v1.${me.orgId}.*.ev`],
    ['a command for everybody', 'kf.v1.*.*.cmd'],
    ['everything under v1', 'kf.v1.>'],
    ['everything', '>'],
    ['a deeper subject of its own', `${own}.rpc.sync.more`],
    ['a longer journal subject', `${own}.ev.more`],
    ['a verb that is a wildcard', `${own}.rpc.*`],
    ['all verbs', `${own}.rpc.>`],
    ['a verb nobody knows', `${own}.rpc.shutdown`],
    ['its bare address', own],
    ['its subject in another case', `KF.v1.${me.orgId}.${me.agentId}.hb`],
    ['its organisation in capitals', `kf.v1.${me.orgId.toUpperCase()}.${me.agentId}.hb`],
    ['another version', `kf.v2.${me.orgId}.${me.agentId}.hb`],
    ['the canary', 'kf.canary.one'],
    ['enrol', 'kf.svc.registry.enrol'],
    ['revoke', 'kf.svc.registry.revoke-agent'],
    ['a policy command', 'kf.svc.policy.publish'],
    ['a signature', 'kf.svc.authority.sign'],
    ['an analytics command', 'kf.svc.analytics.agent-as-of'],
    ['a notification', 'kf.svc.notify.resolve'],
    ['JetStream information', '$JS.API.INFO'],
    ['a JetStream stream', '$JS.API.STREAM.CREATE.kf'],
    ['a JetStream acknowledgement', '$JS.ACK.kf.kf.1.1.1.1.0'],
    ['new account claims', '$SYS.REQ.CLAIMS.UPDATE'],
    ['account claims of its own account', `$SYS.REQ.ACCOUNT.${account}.CLAIMS.UPDATE`],
    ['a look at account claims', `$SYS.REQ.ACCOUNT.${account}.CLAIMS.LOOKUP`],
    ['a server shutdown', '$SYS.REQ.SERVER.PING.KICK'],
    ['the list of connections', '$SYS.REQ.SERVER.PING.CONNZ'],
    ['the list of connections of its account', '$SYS.REQ.ACCOUNT.PING.CONNZ'],
    ['a connect event', `$SYS.ACCOUNT.${account}.CONNECT`],
  ];
}

function subscribes(cast: Cast): ForgedSubscribe[] {
  const { me, neighbour, stranger, account } = cast;
  const cmd = agentSubject(neighbour, 'cmd');
  const rows: [string, string, string, string?][] = [
    ['commands of a neighbour', cmd, cmd],
    ['commands of a stranger', agentSubject(stranger, 'cmd'), agentSubject(stranger, 'cmd')],
    ['commands of everybody', 'kf.v1.*.*.cmd', cmd],
    ['commands of its organisation', `kf.v1.${me.orgId}.*.cmd`, cmd],
    ['its organisation', `kf.v1.${me.orgId}.>`, cmd],
    ['everything under v1', 'kf.v1.>', cmd],
    ['everything', '>', cmd],
    ['every single token', '*', 'kf'],
    ['journals, in the place of ingest', 'kf.v1.*.*.ev', agentSubject(stranger, 'ev'), 'registry'],
    ['its own commands and deeper', `kf.v1.${me.orgId}.${me.agentId}.>`, agentSubject(me, 'hb')],
    ['commands between services', 'kf.svc.>', 'kf.svc.registry.login'],
    [
      'enrolments, in the place of the registry',
      'kf.svc.registry.enrol',
      'kf.svc.registry.enrol',
      'registry',
    ],
    ['all inboxes', '_INBOX.>', '_INBOX.svc.gateway.x'],
    ['all inboxes by a token', '_INBOX.*.>', `${agentInbox(stranger.agentId)}.x`],
    ['inboxes of services', '_INBOX.svc.>', '_INBOX.svc.gateway.x'],
    ['inboxes of a neighbour', `${agentInbox(neighbour.agentId)}.>`, `${agentInbox(neighbour.agentId)}.x`],
    ['the canary', 'kf.canary.>', 'kf.canary.one'],
    ['system events', '$SYS.>', `$SYS.ACCOUNT.${account}.CONNECT`],
    ['JetStream', '$JS.>', '$JS.API.INFO'],
  ];
  return rows.map(([name, subject, bait, queue]) => ({ kind: 'subscribe', name, subject, bait, queue }));
}

/** Where an answer could do harm if a responder lent its permissions. */
function harmfulReplies({ me, neighbour, stranger }: Cast): [string, string][] {
  return [
    ['a neighbour’s inbox', `${agentInbox(neighbour.agentId)}.abc`],
    ['a service’s inbox', '_INBOX.svc.gateway.abc'],
    ['a neighbour’s commands', agentSubject(neighbour, 'cmd')],
    ['a stranger’s journal', agentSubject(stranger, 'ev')],
    ['a command of the registry', 'kf.svc.registry.revoke-agent'],
    ['account claims', '$SYS.REQ.CLAIMS.UPDATE'],
    ['an inbox that begins like its own', `${agentInbox(me.agentId)}0.abc`],
    ['a wildcard', `${agentInbox(me.agentId)}.*`],
    ['everything under its inbox', `${agentInbox(me.agentId)}.>`],
    ['its bare inbox', agentInbox(me.agentId)],
  ];
}

/** Every forged operation: on each subject an agent knows of, each of them beside a twin that is its right. */
export function forgeries(cast: Cast): Forgery[] {
  return [
    ...publishes(cast).map(([name, subject]): Forgery => ({ kind: 'publish', name, subject })),
    ...subscribes(cast),
    ...AGENT_SAYS.flatMap((kind) =>
      harmfulReplies(cast).map(
        ([name, reply]): Forgery => ({
          kind: 'reply',
          name: `${kind} to be answered at ${name}`,
          subject: agentSubject(cast.me, kind),
          reply,
        }),
      ),
    ),
  ];
}
