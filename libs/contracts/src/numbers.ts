import { z } from 'zod';

/** The greatest number that a column of versions or epochs holds; beyond it a query fails instead of finding nothing. */
export const MAX_INT4 = 2_147_483_647;

/** Number of a version of a policy. */
export const versionNumber = z.int().min(1).max(MAX_INT4);
/** The same as a part of an address. */
export const versionInAddress = z.coerce.number().int().min(1).max(MAX_INT4);
