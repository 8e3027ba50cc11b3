import { CLIENT, PRINCIPAL, SECRET_PATH } from '@keyfleet/contracts';
import type * as Engine from '@keyfleet/policy-engine';
import { type Rule, written } from './language.js';
import { hasSay } from './naive.js';

export type EngineUnderTest = Pick<typeof Engine, 'PolicySet' | 'findConflicts'>;
/** The rules of two policies. */
export type Pair = readonly (readonly Rule[])[];

export function setOf({ PolicySet }: EngineUnderTest, pair: Pair): Engine.PolicySet {
  return new PolicySet(
    pair.map((rules, index) => ({ policyId: `pol_${index}`, version: 1, statements: rules.map(written) })),
  );
}

const NEED_ONE: readonly Engine.ConflictKind[] = ['contradiction', 'shadowed', 'redundant'];

/** An example is a request there may be, that those named have their say about, on the engine and by the plain telling. */
export function showing(
  engine: EngineUnderTest,
  rules: readonly Rule[],
  conflict: Engine.Conflict,
): string[] {
  const { kind, statement, with: others, example } = conflict;
  if (example === null)
    return NEED_ONE.includes(kind) ? [`${statement.statement}: ${kind} without an example`] : [];
  // Several denies together shadow it; the example is of the first.
  const [own, other] = [statement, others[0]].map((ref) => rules.find(({ id }) => id === ref?.statement));
  const wrong = own && other ? unshown(engine, kind, [own, other], example) : ['names others than there are'];
  if (!isPossible(example)) wrong.push('cannot be');
  return wrong.map(
    (what) => `${statement.statement}: the example of ${kind} ${what}: ${JSON.stringify(example)}`,
  );
}

/** What keeps a request from showing it of two rules. */
function unshown(
  engine: EngineUnderTest,
  kind: Engine.ConflictKind,
  [own, other]: readonly [Rule, Rule],
  example: Engine.AccessRequest,
): string[] {
  const wrong = [own, other]
    .filter((rule) => !hasSay(rule, example))
    .map(({ id }) => `does not concern ${id}`);
  // Alone it decides, and then the other one does: beside it where that denies, instead of it where that says the same.
  const instead = kind === 'redundant' ? [other] : [own, other];
  const decided = [[own], instead].map((all) => setOf(engine, [all]).decide(example));
  if (decided[0]?.by?.statement !== own.id || decided[1]?.by?.statement !== other.id)
    wrong.push(`does not show it on the engine: ${JSON.stringify(decided)}`);
  return wrong;
}

function isPossible({ principal, groups, path, client, address }: Engine.AccessRequest): boolean {
  return (
    PRINCIPAL.test(principal) &&
    groups.every((group) => PRINCIPAL.test(group)) &&
    (path === null || (SECRET_PATH.test(path) && path.length <= 256)) &&
    (client === null || CLIENT.test(client)) &&
    (address === null || /^[0-9a-f.:]+$/.test(address))
  );
}
