import { grouped } from './flips';

const flip = (from: 'allowed' | 'denied', to: 'allowed' | 'denied', principal: string, requests: number) => ({
  ...{ from, to, principal, requests },
  ...{ action: 'read', path: 'a/b', agents: 1, by: null },
});

describe('decisions that would be others', () => {
  it('stand together by what they turn into, what would be refused first and the most frequent on top', () => {
    const [granted, few, many] = [
      flip('denied', 'allowed', 'app:c', 5),
      flip('allowed', 'denied', 'app:a', 1),
      flip('allowed', 'denied', 'app:b', 9),
    ];
    expect(grouped([granted, few, many])).toEqual([
      { from: 'allowed', to: 'denied', requests: 10, principals: 2, flips: [many, few] },
      { from: 'denied', to: 'allowed', requests: 5, principals: 1, flips: [granted] },
    ]);
    expect(grouped([])).toEqual([]);
  });
});
