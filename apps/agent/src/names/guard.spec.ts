import { nameReference } from '@keyfleet/crypto';
import fc from 'fast-check';
import { NameGuard } from './guard.js';

const key = Buffer.alloc(32, 5);
const hashed = (name: string) => nameReference(key, name);

function guardWith(values: Record<string, string>, hashPaths = false): NameGuard {
  const guard = new NameGuard({ hashPaths });
  guard.open(Buffer.from(key));
  for (const [path, value] of Object.entries(values)) guard.stage(Buffer.from(value)).commit(path);
  return guard;
}

describe('S18: a name that is a value', () => {
  it('leaves as its keyed hash, whole or by any segment, and is found once', () => {
    const names = guardWith({ 'team/db': 'hunter2hunter2' }).names();
    expect(names.path('team/app')).toBe('team/app');
    expect(names.path('team/hunter2hunter2/x')).toBe(hashed('team/hunter2hunter2/x'));
    expect(names.principal('app:hunter2hunter2')).toBe(hashed('app:hunter2hunter2'));
    expect(names.group('hunter2hunter2')).toBe(hashed('hunter2hunter2'));
    expect(names.client('curl/hunter2hunter2')).toBe(hashed('curl/hunter2hunter2'));
    expect(names.client('hunter2hunter2/1.0')).toBe(hashed('hunter2hunter2/1.0'));
    names.group('hunter2hunter2');
    expect(names.findings).toEqual([
      { field: 'path', match: hashed('team/hunter2hunter2/x') },
      { field: 'principal', match: hashed('app:hunter2hunter2') },
      { field: 'group', match: hashed('hunter2hunter2') },
      { field: 'client', match: hashed('curl/hunter2hunter2') },
      { field: 'client', match: hashed('hunter2hunter2/1.0') },
    ]);
  });

  it('is told again only where the telling did not last', () => {
    const guard = guardWith({ a: 'hunter2hunter2' });
    const tell = () => {
      const names = guard.names();
      names.path('hunter2hunter2');
      return names.findings.length;
    };
    expect([tell(), tell()]).toEqual([1, 0]);
    guard.tellAgain();
    expect(tell()).toBe(1);
  });

  it('of fewer than 8 bytes is not looked for', () => {
    const names = guardWith({ a: 'prod', b: 'seven77', c: 'eight888' }).names();
    expect(names.path('prod/seven77')).toBe('prod/seven77');
    expect(names.path('prod/eight888')).toBe(hashed('prod/eight888'));
  });

  it('is found where the value came from a file and ends in line breaks', () => {
    const names = guardWith({ a: 'hunter2hunter2\r\n' }).names();
    expect(names.path('hunter2hunter2')).toBe(hashed('hunter2hunter2'));
  });

  it('counts from before its commit until no secret has that value any more', () => {
    const guard = guardWith({ a: 'hunter2hunter2' });
    const seen = () => guard.names().path('hunter2hunter2') !== 'hunter2hunter2';
    const staged = guard.stage(Buffer.from('another-value'));
    expect(guard.names().path('another-value')).toBe(hashed('another-value'));
    staged.discard();
    expect(guard.names().path('another-value')).toBe('another-value');

    guard.stage(Buffer.from('hunter2hunter2')).commit('b');
    guard.stage(Buffer.from('another-value')).commit('a');
    expect(seen()).toBe(true);
    guard.forget('b');
    expect(seen()).toBe(false);
    expect(guard.names().path('another-value')).toBe(hashed('another-value'));
  });

  it('never leaves in the clear, whatever became current or stopped being it in whatever order', () => {
    const value = fc.constantFrom('alpha-alpha', 'beta-beta', 'gamma-gamma');
    const path = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('set' as const, 'try' as const), path, value }),
      fc.record({ do: fc.constant('delete' as const), path, value }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const guard = guardWith({});
        const current = new Map<string, string>();
        for (const one of steps) {
          if (one.do === 'delete') {
            guard.forget(one.path);
            current.delete(one.path);
            continue;
          }
          const staged = guard.stage(Buffer.from(one.value));
          expect(guard.names().group(one.value)).toBe(hashed(one.value));
          if (one.do === 'try') staged.discard();
          else {
            staged.commit(one.path);
            current.set(one.path, one.value);
          }
          for (const name of ['alpha-alpha', 'beta-beta', 'gamma-gamma'])
            expect(guard.names().path(name) !== name).toBe([...current.values()].includes(name));
        }
      }),
    );
  });
});

describe('an agent told to keep secret names to itself', () => {
  it('gives a keyed hash for every path, the same for the same path, and other names as they are', () => {
    const names = guardWith({}, true).names();
    expect(names.path('team/app')).toBe(hashed('team/app'));
    expect(names.path('team/app')).toBe(names.path('team/app'));
    expect(names.principal('app:billing')).toBe('app:billing');
    expect(names.findings).toEqual([]);
  });
});

it('S31: a closed guard has wiped its key, knows no hash any more and gives out no name', () => {
  const mine = Buffer.from(key);
  const guard = new NameGuard({ hashPaths: false });
  guard.open(mine);
  guard.stage(Buffer.from('hunter2hunter2')).commit('a');
  guard.close();
  expect(mine.equals(Buffer.alloc(32))).toBe(true);
  expect(guard.sealed).toBe(true);
  expect(() => guard.names()).toThrow();
});
