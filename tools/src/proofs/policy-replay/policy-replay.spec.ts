import { type Flip, replay } from '@keyfleet/policy-engine';
import { seeded } from '../random.js';
import { proveReplay } from './proof.js';
import type { Row } from './traffic.js';

const prove = (tested?: typeof replay) =>
  proveReplay({
    ...{ classes: 1_500, rules: 25, guessEvery: 30, random: seeded(11), say: () => undefined },
    ...(tested ? { replay: tested } : {}),
  });

/** The replay with what it lists changed on the way. */
function changed(change: (flip: Flip<Row>) => Flip<Row>[]): typeof replay {
  return function* <R>(...args: Parameters<typeof replay>) {
    for (const flip of replay(...args)) yield* change(flip as Flip<Row>) as Flip<R>[];
  } as typeof replay;
}

/** The replay of rows that are not quite those it is given. */
function unlike(change: (row: Row) => Row): typeof replay {
  return function* <R>(rows: Iterable<R>, ...others: never[]) {
    const changes = [...(rows as Iterable<Row>)].map((row) => ({ ...change(row), row }));
    const [inForce, draft, options] = others;
    for (const flip of replay(changes, inForce as never, draft as never, options))
      yield { ...flip, row: flip.row.row } as Flip<R>;
  } as typeof replay;
}

/** The proof itself is `npm run proof:policy-replay`; this keeps it working, small. */
describe('the proof of the replay', () => {
  it('finds in a small week what the brute force finds, and no answer that a guess contradicts', async () => {
    const result = await prove();
    expect(result).toMatchObject({
      classes: 1_500,
      guessed: 50,
      different: 0,
      sameGroups: true,
      overclaimed: 0,
    });
    expect(result.flips).toBeGreaterThan(0);
    expect(result.notDecidable).toBeGreaterThan(0);
  });

  it.each<[string, typeof replay]>([
    ['that leaves out what it cannot decide', (rows, inForce, draft) => replay(rows, inForce, draft)],
    [
      'that takes the draft for the policies in force',
      (rows, inForce, draft, options) => replay(rows, draft, inForce, options),
    ],
    ['that forgets one flip', changed((flip) => (flip.row.principal.endsWith('7') ? [] : [flip]))],
    ['that is sure where it is not', changed((flip) => [{ ...flip, before: 'denied', after: 'allowed' }])],
    ['that overlooks in which groups somebody is', unlike((row) => ({ ...row, groups: [] }))],
    ['that takes no address for one it does not know', unlike((row) => ({ ...row, network: null }))],
  ])('catches a replay %s', async (_, broken) => {
    expect((await prove(broken)).different).toBeGreaterThan(0);
  });

  it('catches by guessing alone an answer that only some requests deserve', async () => {
    const sure = changed(({ row, before, after }) => [
      {
        row,
        before: before === 'not-decidable' ? 'allowed' : before,
        after: after === 'not-decidable' ? 'denied' : after,
      },
    ]);
    expect((await prove(sure)).overclaimed).toBeGreaterThan(0);
  });
});
