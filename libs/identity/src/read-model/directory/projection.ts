import type { Projection } from '@keyfleet/read-store';
import { applyToDirectory } from './apply.js';
import { DIRECTORY_TABLES } from './tables.js';

/** Hosted by the registry, whose commands write the same rows first. */
export const directoryProjection: Projection = {
  name: 'identity.directory',
  version: 1,
  filter: { categories: ['organisation', 'user', 'apitoken'] },
  tables: DIRECTORY_TABLES,
  apply: applyToDirectory,
};
