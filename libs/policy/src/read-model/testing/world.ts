import type { Projection } from '@keyfleet/read-store';
import { type ReadModelWorld, readModelWorld as worldOf } from '@keyfleet/read-store/testing';
import { policyMigrations } from '../migrations.js';

export type { Happening, ReadModelWorld } from '@keyfleet/read-store/testing';

export function readModelWorld(projection: Projection): Promise<ReadModelWorld> {
  return worldOf(projection, [policyMigrations]);
}
