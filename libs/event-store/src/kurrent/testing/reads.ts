import { status as grpc, type ServerWritableStream } from '@grpc/grpc-js';
import type {
  ReadReq,
  ReadResp,
} from '@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_pb.js';
import type { Kept, ServerLog } from './log.js';
import { eventMessage, identifier, nameOf, streams } from './messages.js';

type Call = ServerWritableStream<ReadReq, ReadResp>;
type Options = ReadReq.Options;

/** A read of a stream or of `$all`, up to the count that was asked for. */
export function readOnce(call: Call, log: ServerLog, options: Options): void {
  const structured = options.getUuidOption()?.hasStructured() ?? false;
  const backwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.BACKWARDS;
  const found = options.hasStream() ? ofStream(log, options, backwards) : ofAll(log, options, backwards);
  if (!found) {
    const name = nameOf(options.getStream()?.getStreamIdentifier());
    const missing = new streams.ReadResp.StreamNotFound().setStreamIdentifier(identifier(name));
    call.write(new streams.ReadResp().setStreamNotFound(missing));
  } else
    for (const kept of found.slice(0, Number(options.getCount()))) call.write(eventMessage(kept, structured));
  call.end();
}

function ofStream(log: ServerLog, options: Options, backwards: boolean): readonly Kept[] | undefined {
  const wanted = options.getStream();
  const events = log.stream(nameOf(wanted?.getStreamIdentifier()));
  if (!events || !wanted) return undefined;
  const from = wanted.hasRevision() ? Number(wanted.getRevision()) : undefined;
  if (!backwards) {
    if (wanted.hasEnd()) return [];
    return events.filter(({ revision }) => revision >= (from ?? 0));
  }
  if (wanted.hasStart()) return events.slice(0, 1);
  return events.filter(({ revision }) => revision <= (from ?? Number.MAX_SAFE_INTEGER)).toReversed();
}

function ofAll(log: ServerLog, options: Options, backwards: boolean): readonly Kept[] {
  const place = options.getAll();
  const from = place?.hasPosition() ? Number(place.getPosition()?.getCommitPosition()) : undefined;
  const wanted = filterOf(options);
  if (!backwards) {
    if (place?.hasEnd()) return [];
    return log.all.filter((kept) => kept.position >= (from ?? 0) && wanted(kept));
  }
  if (place?.hasStart()) return [];
  const before = from ?? Number.MAX_SAFE_INTEGER;
  return log.all.filter((kept) => kept.position < before && wanted(kept)).toReversed();
}

function filterOf(options: Options): (kept: Kept) => boolean {
  const filter = options.getFilter();
  const expression = filter?.getStreamIdentifier() ?? filter?.getEventType();
  if (!expression) return () => true;
  const [prefixes, regex] = [expression.getPrefixList(), new RegExp(expression.getRegex())];
  return (kept) => {
    const text = filter?.hasEventType() ? kept.type : kept.stream;
    return prefixes.length > 0 ? prefixes.some((prefix) => text.startsWith(prefix)) : regex.test(text);
  };
}

/** To `$all`: confirmed first, then everything after the place, for as long as the call lasts. */
export function subscribe(call: Call, log: ServerLog, options: Options): void {
  const place = options.getAll();
  if (!place) {
    call.emit('error', { code: grpc.UNIMPLEMENTED, details: 'not in the double' });
    return;
  }
  const wanted = filterOf(options);
  const end = log.all.at(-1)?.position ?? -1;
  const asked = place.hasPosition() ? Number(place.getPosition()?.getCommitPosition()) : -1;
  let last = place.hasEnd() ? end : asked;
  const confirmation = new streams.ReadResp.SubscriptionConfirmation().setSubscriptionId(crypto.randomUUID());
  call.write(new streams.ReadResp().setConfirmation(confirmation));
  const send = (): void => {
    let first = log.all.length;
    while (first > 0 && (log.all[first - 1] as Kept).position > last) first -= 1;
    for (const kept of log.all.slice(first)) {
      last = kept.position;
      if (wanted(kept)) call.write(eventMessage(kept, false));
    }
  };
  const unwatch = log.watch(send);
  call.on('cancelled', unwatch);
  call.on('close', unwatch);
  call.on('error', unwatch);
  send();
}
