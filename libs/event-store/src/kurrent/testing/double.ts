import type {
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import { status as grpc, Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import featuresService from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_grpc_pb.js';
import features from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_pb.js';
import streamsService from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
  ReadReq,
  ReadResp,
} from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { answerAppend, answerBatch, type Batch, expectedOf, proposed } from './appends.js';
import { ServerLog } from './log.js';
import { nameOf } from './messages.js';
import { readOnce, subscribe } from './reads.js';

const STREAMS = 'event_store.client.streams.Streams';

export interface DoubleOptions {
  /** The same again is a restart. */
  readonly log?: ServerLog;
  readonly port?: number;
  /** Where the leader is, for a double that is a follower. */
  readonly leaderPort?: number;
}

export interface KurrentDouble {
  readonly url: string;
  readonly port: number;
  readonly log: ServerLog;
  /** Ends every connection at once, as a kill does. */
  stop(): Promise<void>;
}

/**
 * A double of KurrentDB for tests: its gRPC wire over real HTTP/2, one node, nothing on disk. It is not KurrentDB. What
 * each behaviour rests on (names are those of the server's and the client's sources):
 *
 * - Idempotence and conflicts: "Optimistic concurrency & idempotence" of the server's documentation and `CheckCommit`
 *   of its index writer: below the current revision the same ids in the same places are success with the first
 *   result's revision, anything else, more than was stored too, is WrongExpectedVersion.
 * - Batch append is what the client uses where the server-features call names it (`appendToStream/index.js`); errors
 *   come as `google.rpc.Status` with packed details (`unpackError.js`), and the call stays open.
 * - `$all` and stream reads begin with the event at the given place, itself included; `$all` read backwards from a
 *   place excludes it (a place lies before its event).
 * - `$tb` of `$$<stream>` hides a beginning from reads of that stream only; `$all` gives it until a scavenge, and a
 *   scavenge never takes a stream's newest event ("Scavenging" in the server's documentation).
 * - Filters on the name of a stream or on the type, by regular expression or prefixes, one of them at a time.
 * - Positions are byte offsets; since 22.6 stream reads carry them too. `created` is in units of 100 ns.
 * - A follower asked with `requires-leader` answers NOT_FOUND with `exception: not-leader` and the leader's endpoint in
 *   its trailers (`CommandError.js`, `NotLeaderError`).
 *
 * Left out, and refused as UNIMPLEMENTED: persistent subscriptions, projections, deletion, sessions of several streams.
 */
export async function startKurrentDouble(options: DoubleOptions = {}): Promise<KurrentDouble> {
  const { log = new ServerLog(), leaderPort } = options;
  const server = new Server({ 'grpc.max_receive_message_length': 17 * 1024 * 1024 });
  server.addService(featuresService.ServerFeaturesService, { getSupportedMethods } as never);
  server.addService(streamsService.StreamsService, handlers(log, leaderPort) as never);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    log,
    port,
    url: `kurrentdb://127.0.0.1:${port}?tls=false`,
    stop: async () => server.forceShutdown(),
  };
}

function getSupportedMethods(
  _call: unknown,
  answer: sendUnaryData<InstanceType<typeof features.SupportedMethods>>,
): void {
  const methods = ['read', 'append', 'batchappend'].map((name) =>
    new features.SupportedMethod()
      .setServiceName(STREAMS.toLowerCase())
      .setMethodName(name)
      .setFeaturesList(name === 'read' ? ['position', 'events'] : []),
  );
  answer(null, new features.SupportedMethods().setMethodsList(methods).setEventStoreServerVersion('26.1.1'));
}

function handlers(log: ServerLog, leaderPort: number | undefined) {
  const refusal = ({ metadata }: { readonly metadata: Metadata }) =>
    leaderPort !== undefined && metadata.get('requires-leader')[0] === 'true'
      ? notLeader(leaderPort)
      : undefined;
  return {
    read(call: ServerWritableStream<ReadReq, ReadResp>): void {
      const error = refusal(call);
      const options = call.request.getOptions();
      if (error) call.emit('error', error);
      else if (!options) call.emit('error', { code: grpc.INVALID_ARGUMENT, details: 'no options' });
      else if (options.hasSubscription()) subscribe(call, log, options);
      else readOnce(call, log, options);
    },
    append(call: ServerReadableStream<AppendReq, AppendResp>, answer: sendUnaryData<AppendResp>): void {
      const error = refusal(call);
      if (error) return answer(error);
      let options: AppendReq.Options | undefined;
      const events: ReturnType<typeof proposed>[] = [];
      call.on('data', (request: AppendReq) => {
        options ??= request.getOptions();
        const message = request.getProposedMessage();
        if (message) events.push(proposed(message));
      });
      call.on('end', () => {
        if (options)
          answerAppend(
            log.append(nameOf(options.getStreamIdentifier()), expectedOf(options), events),
            answer,
          );
      });
    },
    batchAppend(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void {
      const error = refusal(call);
      if (error) {
        call.emit('error', error);
        return;
      }
      const batches = new Map<string, Batch>();
      call.on('data', (request: BatchAppendReq) => answerBatch(call, { log, batches, request }));
      call.on('error', () => {});
      call.on('end', () => call.end());
    },
    delete: unimplemented,
    tombstone: unimplemented,
  };
}

function unimplemented(_call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<unknown>): void {
  answer({ code: grpc.UNIMPLEMENTED, details: 'not in the double' });
}

function notLeader(port: number): { code: number; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  metadata.set('exception', 'not-leader');
  metadata.set('leader-endpoint-host', '127.0.0.1');
  metadata.set('leader-endpoint-port', String(port));
  return { code: grpc.NOT_FOUND, details: 'Leader info available', metadata };
}
