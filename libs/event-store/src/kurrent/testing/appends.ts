import { type ServerDuplexStream, type sendUnaryData, status } from '@grpc/grpc-js';
import type {
  AppendReq,
  AppendResp,
  BatchAppendReq,
  BatchAppendResp,
} from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import { type Expected, MAX_APPEND_SIZE, type Outcome, type Proposed, type ServerLog } from './log.js';
import { identifier, nameOf, refusal, shared, streams } from './messages.js';

export interface Batch {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: Proposed[];
}

interface Incoming {
  readonly log: ServerLog;
  readonly batches: Map<string, Batch>;
  readonly request: BatchAppendReq;
}

export function proposed(message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): Proposed {
  const map = message.getMetadataMap();
  return {
    id: message.getId()?.getString() ?? '',
    type: map.get('type') ?? '',
    contentType: map.get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}

export function expectedOf(options: AppendReq.Options): Expected {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'exists';
  return options.hasRevision() ? Number(options.getRevision()) : 'any';
}

function expectedOfBatch(options: BatchAppendReq.Options): Expected {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'exists';
  return options.hasStreamPosition() ? Number(options.getStreamPosition()) : 'any';
}

export function answerAppend(outcome: Outcome, answer: sendUnaryData<AppendResp>): void {
  const response = new streams.AppendResp();
  if (outcome.kind === 'too-large') {
    answer({ code: 3, details: 'Maximum Append Size Exceeded.' });
    return;
  }
  if (outcome.kind === 'written') {
    const position = new streams.AppendResp.Position()
      .setCommitPosition(String(outcome.last.position))
      .setPreparePosition(String(outcome.last.position));
    const success = new streams.AppendResp.Success().setPosition(position);
    response.setSuccess(success.setCurrentRevision(String(outcome.last.revision)));
  } else {
    const wrong = new streams.AppendResp.WrongExpectedVersion();
    if (outcome.current < 0) wrong.setCurrentNoStream(new shared.Empty());
    else wrong.setCurrentRevision(String(outcome.current));
    response.setWrongExpectedVersion(wrong);
  }
  answer(null, response);
}

/** Requests of several appends come in turn on one call; an append is whole with its final part. */
export function answerBatch(
  call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>,
  { log, batches, request }: Incoming,
): void {
  const correlation = request.getCorrelationId();
  const key = correlation?.getString() ?? '';
  const options = request.getOptions();
  if (options)
    batches.set(key, {
      stream: nameOf(options.getStreamIdentifier()),
      expected: expectedOfBatch(options),
      events: [],
    });
  const batch = batches.get(key);
  if (!batch) return;
  batch.events.push(...request.getProposedMessagesList().map(proposed));
  if (!request.getIsFinal()) return;
  batches.delete(key);
  const broken = log.breaks();
  if (broken === 'before') return breakOff(call);
  const outcome = log.append(batch.stream, batch.expected, batch.events);
  if (broken === 'after') return breakOff(call);
  const response = batchResponse(outcome).setCorrelationId(correlation);
  call.write(response.setStreamIdentifier(identifier(batch.stream)));
}

/** The whole call goes, and with it every append that waits for its answer there. */
function breakOff(call: ServerDuplexStream<BatchAppendReq, BatchAppendResp>): void {
  call.emit('error', { code: status.UNAVAILABLE, details: 'broken off by the test' });
}

function batchResponse(outcome: Outcome): BatchAppendResp {
  const response = new streams.BatchAppendResp();
  if (outcome.kind === 'written') {
    const position = new shared.AllStreamPosition()
      .setCommitPosition(String(outcome.last.position))
      .setPreparePosition(String(outcome.last.position));
    const success = new streams.BatchAppendResp.Success().setPosition(position);
    return response.setSuccess(success.setCurrentRevision(String(outcome.last.revision)));
  }
  if (outcome.kind === 'too-large') {
    const details = new shared.MaximumAppendSizeExceeded().setMaxappendsize(MAX_APPEND_SIZE);
    return response.setError(refusal('MaximumAppendSizeExceeded', details.serializeBinary()));
  }
  const wrong = new shared.WrongExpectedVersion();
  if (outcome.current >= 0) wrong.setCurrentStreamRevision(String(outcome.current));
  return response.setError(refusal('WrongExpectedVersion', wrong.serializeBinary()));
}
