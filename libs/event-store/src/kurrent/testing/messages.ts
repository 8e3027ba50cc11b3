import type * as SharedPb from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import shared from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/shared_pb.js';
import type * as StatusPb from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js';
import status from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/status_pb.js';
import type * as StreamsPb from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import streams from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import google from 'google-protobuf/google/protobuf/any_pb.js';
import type { Kept } from './log.js';

const NANOSECONDS_100 = 10_000n;

/** An event as a read or a subscription gives it; both positions are that of its own record. */
export function eventMessage(kept: Kept, structured: boolean): StreamsPb.ReadResp {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  recorded.setId(uuid(kept.id, structured));
  recorded.setStreamIdentifier(identifier(kept.stream));
  recorded.setStreamRevision(String(kept.revision));
  recorded.setCommitPosition(String(kept.position));
  recorded.setPreparePosition(String(kept.position));
  recorded.setData(kept.data);
  recorded.setCustomMetadata(kept.metadata);
  const map = recorded.getMetadataMap();
  map.set('type', kept.type);
  map.set('content-type', kept.contentType);
  map.set('created', String(BigInt(kept.created) * NANOSECONDS_100));
  const event = new streams.ReadResp.ReadEvent();
  event.setEvent(recorded);
  event.setCommitPosition(String(kept.position));
  return new streams.ReadResp().setEvent(event);
}

export function identifier(stream: string): SharedPb.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream).toString('base64'));
}

export function nameOf(stream: SharedPb.StreamIdentifier | undefined): string {
  return Buffer.from(stream?.getStreamName_asU8() ?? []).toString('utf8');
}

function uuid(text: string, structured: boolean): SharedPb.UUID {
  const id = new shared.UUID();
  if (!structured) return id.setString(text);
  const hex = text.replaceAll('-', '');
  const half = new shared.UUID.Structured();
  half.setMostSignificantBits(BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`)).toString());
  half.setLeastSignificantBits(BigInt.asIntN(64, BigInt(`0x${hex.slice(16)}`)).toString());
  return id.setStructured(half);
}

/** A refusal inside a batch-append stream: the stream goes on, the append is answered by a status with details. */
export function refusal(name: string, details: Uint8Array): StatusPb.Status {
  const packed = new google.Any();
  packed.pack(details, `event_store.client.${name}`);
  return new status.Status().setMessage(name).setDetails(packed);
}

export { shared, streams };
