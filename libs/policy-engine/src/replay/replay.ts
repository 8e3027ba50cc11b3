import { KEYED_HASH } from '@keyfleet/contracts';
import type { PolicySet } from '../decision/policy-set.js';
import { type CompiledStatement, isGroup } from '../decision/statement.js';
import type { AccessRequest, Unknown } from '../request.js';
import { compilePossible, MISSING, type PossibleCondition, TRUE } from './possible.js';
import { type RecordedRequest, type RequestClass, readClass } from './recorded.js';

/** What a set of policies says of a recorded request. */
export type Answer = 'allowed' | 'denied' | 'not-decidable';

/** A set of policies made ready to be asked of records. */
export class Replay {
  readonly #set: PolicySet;
  readonly #conditions: ReadonlyMap<CompiledStatement, PossibleCondition>;

  constructor(set: PolicySet) {
    this.#set = set;
    this.#conditions = new Map(
      set.statements.flatMap((statement) =>
        statement.expression ? [[statement, compilePossible(statement.expression)] as const] : [],
      ),
    );
  }

  /**
   * Denied or allowed where every way to fill in what is not known leads there. It may call something not decidable
   * that is, where two conditions hang on the same unknown thing; never the other way round.
   */
  answer(recorded: RecordedRequest): Answer {
    let [mayAllow, mustAllow, mayDeny] = [false, false, false];
    for (const candidate of this.#candidates(recorded)) {
      const { denies, may, must } = this.#part(candidate, recorded);
      if (denies && must) return 'denied';
      if (denies) mayDeny ||= may;
      else [mayAllow, mustAllow] = [mayAllow || may, mustAllow || must];
    }
    if (!mayAllow) return 'denied';
    return mustAllow && !mayDeny ? 'allowed' : 'not-decidable';
  }

  /** Whether a statement may have had its say, and whether it must have. */
  #part(
    { statement, certain }: Candidate,
    recorded: RecordedRequest,
  ): { readonly denies: boolean; readonly may: boolean; readonly must: boolean } {
    const { denies } = statement;
    const value = this.#conditions.get(statement)?.(recorded) ?? TRUE;
    const applies = denies ? TRUE | MISSING : TRUE;
    return { denies, may: (value & applies) !== 0, must: certain && (value & ~applies) === 0 };
  }

  #candidates({ request, unknown }: RecordedRequest): Candidate[] {
    const found = this.#set.candidates(request, unknown);
    const vague = unknown.has('path') || unknown.has('principal') || unknown.has('groups');
    if (!vague) return found.map((statement) => ({ statement, certain: true }));
    return found.flatMap((statement) => {
      const { may, must } = namesIt(statement, request, unknown);
      const anywhere = !unknown.has('path') || statement.source.resources.includes(ANYWHERE);
      return may ? [{ statement, certain: must && anywhere }] : [];
    });
  }
}

const ANYWHERE = '**';
const ANYBODY = '*';

/** Whether a statement may be for who asked, and whether it must be, by the names that are known. */
function namesIt(
  { matchesPrincipal, matchesGroup, source }: CompiledStatement,
  { principal, groups }: AccessRequest,
  unknown: ReadonlySet<Unknown>,
): { readonly may: boolean; readonly must: boolean } {
  const ofPrincipal = unknown.has('principal')
    ? {
        may: source.principals.some((pattern) => !isGroup(pattern)),
        must: source.principals.includes(ANYBODY),
      }
    : { may: matchesPrincipal(principal), must: matchesPrincipal(principal) };
  if (matchesGroup === undefined) return ofPrincipal;
  const inGroup = groups.some((group) => !KEYED_HASH.test(group) && matchesGroup(group));
  return { may: ofPrincipal.may || inGroup || unknown.has('groups'), must: ofPrincipal.must || inGroup };
}

interface Candidate {
  readonly statement: CompiledStatement;
  /** False where it only may be one, because a name it goes by is not known. */
  readonly certain: boolean;
}

export interface Flip<Row> {
  readonly row: Row;
  readonly before: Answer;
  readonly after: Answer;
}

export interface ReplayOptions {
  /** Also classes of which neither can be decided: whether these flip is not known either. */
  readonly undecidedToo?: boolean;
}

/** Each recorded class of which the draft says something else than the policies in force, in the order of the rows. */
export function* replay<Row extends RequestClass>(
  rows: Iterable<Row>,
  inForce: PolicySet,
  draft: PolicySet,
  { undecidedToo = false }: ReplayOptions = {},
): Generator<Flip<Row>> {
  const [before, after] = [new Replay(inForce), new Replay(draft)];
  for (const row of rows) {
    const recorded = readClass(row);
    const flip: Flip<Row> = { row, before: before.answer(recorded), after: after.answer(recorded) };
    if (flip.before !== flip.after || (undecidedToo && flip.after === 'not-decidable')) yield flip;
  }
}
