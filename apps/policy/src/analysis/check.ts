import type { PolicyDocument } from '@keyfleet/contracts';
import type { PolicyCheck, PolicyContent } from '@keyfleet/contracts/http';
import { toTimestamp } from '@keyfleet/kernel';
import {
  type AccessRequest,
  type Conflict,
  findConflicts,
  PolicySet,
  type PolicySource,
  printPolicyText,
} from '@keyfleet/policy-engine';
import { readContent } from './content.js';
import { readingOf } from './readings.js';
import { ROOM } from './room.js';

export interface CheckTask {
  readonly kind: 'check';
  readonly content: PolicyContent;
  /** What its statements are named by. */
  readonly policyId: string;
  readonly version: number;
  /** The other policies of the organisation. */
  readonly others: readonly PolicySource[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

type ShownConflict = PolicyCheck['conflicts'][number];

/** As many as a person looks through, and as fit into an answer. */
const MOST_CONFLICTS = 200;

/** Everything that can be said of a policy before it is saved. */
export function check({ content, policyId, version, others, now }: CheckTask): PolicyCheck {
  const { document, problems } = readContent(content);
  if (!document) return { ...NOTHING, problems: [...problems] };
  const own: PolicySource = { policyId, version, statements: document.statements };
  // Of two that say the same the later one counts as redundant: that is the one being written.
  const found = findConflicts(new PolicySet([...others, own]), now).filter((conflict) =>
    [conflict.statement, ...conflict.with].some((ref) => ref.policyId === policyId),
  );
  const conflicts = found.filter(({ kind }) => kind !== 'undecided').flatMap(shown);
  return fitting({
    document,
    problems: [],
    conflicts: conflicts.slice(0, MOST_CONFLICTS),
    more: Math.max(0, conflicts.length - MOST_CONFLICTS),
    undecided: found.filter(({ kind }) => kind === 'undecided').length,
    readings: Object.fromEntries(document.statements.map((one) => [one.id, readingOf(one)])),
    ...printed(document),
  });
}

const NOTHING = {
  document: null,
  conflicts: [],
  more: 0,
  undecided: 0,
  readings: {},
  yaml: null,
  json: null,
};

function printed(document: PolicyDocument): Pick<PolicyCheck, 'yaml' | 'json'> {
  return { yaml: printPolicyText(document, 'yaml'), json: printPolicyText(document, 'json') };
}

/** The document says what its JSON and YAML do, so those go first where it is too much for one answer. */
function fitting(whole: PolicyCheck): PolicyCheck {
  const forms = [whole, { ...whole, json: null }, { ...whole, json: null, yaml: null }];
  const fits = forms.find((form) => Buffer.byteLength(JSON.stringify(form)) <= ROOM);
  return fits ?? { ...whole, json: null, yaml: null, readings: {} };
}

/** One line for each that it is in conflict with. */
function shown({ kind, statement, with: others, example }: Conflict): ShownConflict[] {
  const request = example && viewOf(example);
  if (others.length === 0) return [{ kind, statement, other: null, example: request }];
  return others.map((other) => ({ kind, statement, other, example: request }));
}

function viewOf({ at, groups, tags, ...request }: AccessRequest): NonNullable<ShownConflict['example']> {
  return { ...request, groups: [...groups], tags: { ...tags }, at: toTimestamp(at) };
}
