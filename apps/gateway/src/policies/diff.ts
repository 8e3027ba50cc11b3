import { isDeepStrictEqual } from 'node:util';
import type { PolicyDocument } from '@keyfleet/contracts';
import type { PolicyDiff } from '@keyfleet/contracts/http';
import { printPolicyText } from '@keyfleet/policy-engine';

interface Side {
  /** Null for the draft. */
  readonly version: number | null;
  readonly document: PolicyDocument;
}

/** Both as text in one form, so that only what means something differs, and the statements that do by their ids. */
export function diffOf(from: Side, to: Side): PolicyDiff {
  const [before, after] = [byId(from), byId(to)];
  const changed = [...after.keys()].filter(
    (id) => before.has(id) && !isDeepStrictEqual(before.get(id), after.get(id)),
  );
  return {
    from: { version: from.version, text: printPolicyText(from.document, 'yaml') },
    to: { version: to.version, text: printPolicyText(to.document, 'yaml') },
    added: [...after.keys()].filter((id) => !before.has(id)),
    removed: [...before.keys()].filter((id) => !after.has(id)),
    changed,
  };
}

function byId({ document }: Side): ReadonlyMap<string, PolicyDocument['statements'][number]> {
  return new Map(document.statements.map((statement) => [statement.id, statement]));
}
