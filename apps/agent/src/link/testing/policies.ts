import {
  BUNDLE_CHUNK_BYTES,
  type PolicyManifest,
  type PolicyPush,
  type RpcPolicyReply,
  type RpcPolicyRequest,
  rpcPolicyRequest,
} from '@keyfleet/contracts';
import { agentSubject } from '@keyfleet/contracts/messages';
import type { NkeySigner } from '@keyfleet/crypto';
import { listenToAgents } from '@keyfleet/messaging';
import { waitFor } from '@keyfleet/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { type NamedBundle, PolicyAuthority, type Signed } from '../../policy/testing/policies.js';

/** The policy service of a test: what it is given it hands out, in pieces, and it writes down who asked for what. */
export class TestPolicies {
  readonly authority: PolicyAuthority;
  readonly asked: RpcPolicyRequest[] = [];
  chunkBytes = BUNDLE_CHUNK_BYTES;
  /** Answers in the place of what it would say. */
  instead: (request: RpcPolicyRequest) => RpcPolicyReply | Promise<RpcPolicyReply> | undefined = () =>
    undefined;
  readonly #orgId: string;
  readonly #bundles = new Map<string, Buffer>();
  readonly #manifests = new Map<string, PolicyManifest>();
  #service: NatsConnection | undefined;

  constructor(orgId: string, signer: NkeySigner) {
    this.#orgId = orgId;
    this.authority = new PolicyAuthority(signer);
  }

  async listen(service: NatsConnection): Promise<void> {
    this.#service = service;
    listenToAgents(service, { kind: 'rpc.policy', queue: 'policy' }, async ({ caller, data }) => {
      const request = rpcPolicyRequest.parse(JSON.parse(Buffer.from(data).toString('utf8')));
      this.asked.push(request);
      return (await this.instead(request)) ?? this.#answer(caller.agentId, request);
    });
    await service.flush();
  }

  /** What holds for this agent from now on; it is not told. */
  decree(agentId: string, bundle: NamedBundle, over: Signed = {}): PolicyManifest {
    const manifest = this.authority.manifest({ orgId: this.#orgId, agentId }, bundle, over);
    this.#bundles.set(bundle.hash, bundle.bytes);
    this.#manifests.set(agentId, manifest);
    return manifest;
  }

  /** Puts it on the agent's subject, whatever it is. */
  push(agentId: string, manifest: PolicyManifest, more: Omit<PolicyPush, 'v' | 'manifest'> = {}): void {
    const subject = agentSubject({ orgId: this.#orgId, agentId }, 'cmd');
    this.#service?.publish(subject, JSON.stringify({ v: 1, manifest, ...more }));
  }

  /** Answers nobody until the work is done. */
  async away(work: () => Promise<void>): Promise<void> {
    const before = this.instead;
    this.instead = () => ({ retryAfterMs: 300 });
    try {
      await work();
    } finally {
      this.instead = before;
    }
  }

  forget(): void {
    this.asked.length = 0;
    this.chunkBytes = BUNDLE_CHUNK_BYTES;
    this.instead = () => undefined;
  }

  asksFor(kind: RpcPolicyRequest['kind']): number {
    return this.asked.filter((request) => request.kind === kind).length;
  }

  #answer(agentId: string, request: RpcPolicyRequest): RpcPolicyReply {
    if (request.kind === 'manifest') return { manifest: this.#manifests.get(agentId) ?? null };
    const { hash, offset } = request;
    const bytes = this.#bundles.get(hash);
    if (!bytes) return { code: 'resource.not-found' };
    const data = bytes.subarray(offset, offset + this.chunkBytes).toString('base64');
    return { hash, offset, total: bytes.length, data };
  }

  async ready(): Promise<void> {
    await waitFor(() => this.#service?.flush().then(() => true));
  }

  async close(): Promise<void> {
    await this.#service?.close();
  }
}
