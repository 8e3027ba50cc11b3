import { Admission } from './admission.js';

const limits = { active: 2, activeBacklog: 1, waiting: { live: 2, backlog: 1 } };

function order() {
  const admission = new Admission(limits, () => 0.5);
  const started: string[] = [];
  const leaving = new Map<string, () => void>();
  const come = (name: string, traffic: 'live' | 'backlog') => {
    const entered = admission.enter(traffic);
    if ('retryAfterMs' in entered) return entered.retryAfterMs;
    void entered.then((leave) => {
      started.push(name);
      leaving.set(name, leave);
    });
    return undefined;
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  const leave = async (name: string) => {
    leaving.get(name)?.();
    await settled();
  };
  return { admission, started, come, leave, settled };
}

describe('admission', () => {
  it('F12: lets live agents go before backlogs, whoever came first', async () => {
    const { started, come, leave, settled } = order();
    come('backlog 1', 'backlog');
    come('live 1', 'live');
    come('backlog 2', 'backlog');
    come('live 2', 'live');
    come('live 3', 'live');
    await settled();
    expect(started).toEqual(['backlog 1', 'live 1']);
    await leave('backlog 1');
    await leave('live 1');
    expect(started).toEqual(['backlog 1', 'live 1', 'live 2', 'live 3']);
    await leave('live 2');
    expect(started.at(-1)).toBe('backlog 2');
  });

  it('F12: bounds backlogs while nobody else is there, so that a live agent finds a place', async () => {
    const { started, come, settled } = order();
    come('backlog 1', 'backlog');
    come('backlog 2', 'backlog');
    await settled();
    expect(started).toEqual(['backlog 1']);
    come('live 1', 'live');
    await settled();
    expect(started).toEqual(['backlog 1', 'live 1']);
  });

  it('names a time to come again beyond what may wait, and knows when nothing more fits', async () => {
    const { admission, come } = order();
    for (const name of ['a', 'b', 'c', 'd']) expect(come(name, 'live')).toBeUndefined();
    expect(come('e', 'live')).toBe(500);
    expect(admission.full).toBe(false);
    expect(come('f', 'backlog')).toBeUndefined();
    expect(come('g', 'backlog')).toBe(2_000);
    expect(admission.full).toBe(true);
  });

  it('a place given back twice is one place', async () => {
    const { started, come, leave, settled } = order();
    come('a', 'live');
    come('b', 'live');
    await settled();
    await leave('a');
    await leave('a');
    for (const name of ['c', 'd']) come(name, 'live');
    await settled();
    expect(started).toEqual(['a', 'b', 'c']);
  });
});
