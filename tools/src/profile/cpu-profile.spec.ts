import { type CpuProfile, hottest, processName } from './cpu-profile.js';

const frame = (id: number, functionName: string, url: string) => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
});

const profile: CpuProfile = {
  nodes: [
    frame(1, '(root)', ''),
    frame(2, '(idle)', ''),
    frame(3, 'append', 'file:///somewhere/libs/event-store/dist/postgres/store.js'),
    frame(4, '', 'file:///somewhere/apps/registry/dist/main.js'),
  ],
  samples: [2, 3, 3, 4, 2],
  timeDeltas: [1_000, 300, 300, 400, 9_000],
};

describe('a CPU profile', () => {
  it('is named after what ran', () => {
    expect(processName(profile)).toBe('registry-main');
    expect(processName({ ...profile, nodes: [] })).toBe('node');
  });

  it('tells where the time went, and idling is no work', () => {
    const { busySeconds, functions } = hottest(profile, 5);
    expect(busySeconds).toBeCloseTo(0.001);
    expect(functions).toEqual([
      { share: 0.6, where: 'append  event-store/dist/postgres/store.js:10' },
      { share: 0.4, where: '(anonymous)  apps/registry/dist/main.js:10' },
    ]);
    expect(hottest(profile, 1).functions).toHaveLength(1);
  });
});
