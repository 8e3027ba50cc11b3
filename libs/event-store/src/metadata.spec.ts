import type { EventMetadata } from '@keyfleet/kernel';
import fc from 'fast-check';
import { packMetadata, unpackMetadata } from './metadata.js';

const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const anyMetadata = fc.record({
  orgId: fc.constantFrom(null, 'org_1'),
  actor: fc.string(),
  at: fc.string(),
  correlationId: some(fc.string()),
  causationId: some(fc.string()),
  traceparent: some(fc.string()),
  bodyHash: some(fc.string()),
  journal: some(fc.record({ prev: fc.string(), hash: fc.string() })),
  fieldOfTomorrow: some(fc.jsonValue().filter((value) => value !== null)),
});

it('metadata comes out as it went in, with what is missing still missing and what is new still there', () => {
  fc.assert(
    fc.property(anyMetadata, (metadata) => {
      const whole = JSON.parse(JSON.stringify(metadata)) as EventMetadata;
      const packed = packMetadata(metadata as EventMetadata);
      expect(unpackMetadata(JSON.parse(packed), whole.orgId)).toEqual(whole);
    }),
  );
});

it('is stored without names', () => {
  const at = '2026-01-01T00:00:00.000Z';
  expect(packMetadata({ orgId: null, actor: 'svc_1', at })).toBe(`["svc_1","${at}"]`);
});
