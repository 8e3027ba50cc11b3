import { z } from 'zod';
import type { ChangeNotice } from '../projection.js';

const notice: z.ZodType<ChangeNotice> = z.object({
  readModel: z.string(),
  orgId: z.string().nullable(),
  ids: z.array(z.string()),
  position: z.string().nullable(),
});

/** `null` for what is no notice of ours. */
export function readNotice(payload: string): ChangeNotice | null {
  try {
    return notice.parse(JSON.parse(payload));
  } catch {
    return null;
  }
}
