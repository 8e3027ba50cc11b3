import type { PolicyStatement } from '@keyfleet/contracts';

type Action = PolicyStatement['actions'][number];

/** What a statement may be about; `*` stands for all of it. The contract's own list would bring all schemas into the page. */
export const ACTIONS = [
  ...['create', 'read', 'update', 'delete', 'list', 'metadata', 'rotate', 'rollback'],
  ...['versions', 'audit', 'status', 'keys', 'backup', '*'],
] as readonly Action[];
