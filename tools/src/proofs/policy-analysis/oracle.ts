import { init, killThreads } from 'z3-solver';
import { leavesOf, type Rule } from './language.js';
import { Script } from './smt.js';
import { AnyRequest, type Sizes } from './smt-request.js';
import { saysSomething } from './smt-rule.js';

/** Whether some request has the say of all of `by` and of none of `without`; undefined where z3 did not find out. */
export type Ask = (by: readonly Rule[], without?: readonly Rule[]) => Promise<boolean | undefined>;

export interface Oracle {
  /** Answers questions about a few rules while `work` lasts. */
  about<T>(rules: readonly Rule[], work: (ask: Ask) => Promise<T>): Promise<T>;
  readonly asked: number;
  close(): Promise<void>;
}

const MOST_LETTERS = 48;
const SATISFIABLE: Readonly<Record<number, boolean>> = { 1: true, [-1]: false };

/** z3, told what policies mean by an encoding of its own: nothing of the engine takes part. */
export async function startOracle(timeoutMs = 20_000): Promise<Oracle> {
  const { Z3, em } = await init();
  let asked = 0;
  return {
    async about(rules, work) {
      // One context for each: it gives back its memory as a whole.
      const context = Z3.mk_context(Z3.mk_config());
      const bool = Z3.mk_bool_sort(context);
      const solver = Z3.mk_solver(context);
      Z3.solver_inc_ref(context, solver);
      const params = Z3.mk_params(context);
      Z3.params_set_uint(context, params, Z3.mk_string_symbol(context, 'timeout'), timeoutMs);
      Z3.solver_set_params(context, solver, params);
      Z3.solver_from_string(context, solver, scriptOf(rules));
      const has = (rule: Rule) =>
        Z3.mk_const(context, Z3.mk_string_symbol(context, nameOf(rules.indexOf(rule))), bool);
      try {
        return await work(async (by, without = []) => {
          asked += 1;
          const demands = [...by.map(has), ...without.map((rule) => Z3.mk_not(context, has(rule)))];
          return SATISFIABLE[await Z3.solver_check_assumptions(context, solver, demands)];
        });
      } finally {
        Z3.solver_dec_ref(context, solver);
        Z3.del_context(context);
      }
    },
    get asked() {
      return asked;
    },
    close: () => killThreads(em),
  };
}

const nameOf = (index: number): string => `says${index}`;

function scriptOf(rules: readonly Rule[]): string {
  const script = new Script();
  const request = new AnyRequest(script, sizesFor(rules));
  for (const [index, rule] of rules.entries()) {
    const formula = saysSomething(rule, request);
    script.demand(`(= ${script.declare(nameOf(index), 'Bool')} ${formula})`);
  }
  return script.lines.join('\n');
}

/** Long enough for every pattern and condition after the other, and a group for each that is asked for. */
function sizesFor(rules: readonly Rule[]): Sizes {
  const texts = rules.map(({ principals, resources, condition }) => {
    const asked = leavesOf(condition).flatMap((leaf) =>
      'values' in leaf ? leaf.values : 'value' in leaf ? [leaf.value] : [],
    );
    return (
      Math.max(...[...principals, ...resources].map(({ length }) => length)) +
      Math.max(0, ...asked.map(({ length }) => length))
    );
  });
  const groups = rules.flatMap(({ principals, condition }) => [
    ...principals.filter((pattern) => pattern.startsWith('@')),
    ...leavesOf(condition).filter(({ is }) => is === 'group'),
  ]);
  const letters = Math.min(
    MOST_LETTERS,
    texts.reduce((sum, length) => sum + length, 4),
  );
  return { letters, groups: groups.length };
}
