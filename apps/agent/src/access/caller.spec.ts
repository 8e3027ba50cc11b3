import { network } from '@keyfleet/contracts';
import fc from 'fast-check';
import { clientOf, isAllowed, networkOf, prefixesFor } from './caller.js';

describe('the network of an address', () => {
  it.each([
    ['10.1.2.3', '10.1.2.0/24'],
    ['::ffff:10.1.2.3', '10.1.2.0/24'],
    ['2001:db8:7:8:9::1', '2001:db8:7::/48'],
    ['2001:0db8:0000::1', '2001:db8::/48'],
    ['::1', '::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['0:0:5::1', '0:0:5::/48'],
    ['not an address', null],
    [null, null],
  ])('of %s is %s', (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });

  it('always fits an event, and never tells the whole address', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const found = networkOf(address);
        if (found !== null) network.parse(found);
      }),
    );
  });
});

describe('a client', () => {
  it.each([
    ['curl/8.1 (x86)', 'curl/8.1'],
    ['Mozilla/5.0 (X11; Linux)', 'Mozilla/5.0'],
    ['hello', 'hello'],
    ['(x)', null],
    ['a@b', null],
    ['x'.repeat(65), null],
    ['', null],
    [undefined, null],
  ])('of %j is %j', (userAgent, expected) => {
    expect(clientOf(userAgent)).toBe(expected);
  });
});

describe('grants', () => {
  const holder = {
    grants: [
      { prefix: 'team/a', actions: ['read', 'list'] },
      { prefix: 'shared', actions: ['*'] },
    ],
  };

  it('cover a prefix and everything below it, segment by segment', () => {
    const mayRead = (path: string) => isAllowed(holder, 'read', path);
    expect(['team/a', 'team/a/b', 'shared', 'shared/x/y'].map(mayRead)).toEqual([true, true, true, true]);
    expect(['team', 'team/ab', 'team/b', 'sharedx', ''].map(mayRead)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it('allow the actions they name; a star is all of them', () => {
    expect(isAllowed(holder, 'update', 'team/a')).toBe(false);
    expect(isAllowed(holder, 'delete', 'shared')).toBe(true);
    expect(prefixesFor(holder, 'list')).toEqual(['team/a', 'shared']);
    expect(prefixesFor(holder, 'create')).toEqual(['shared']);
  });

  it('cover the vault as a whole only without a prefix', () => {
    expect(isAllowed(holder, 'status', null)).toBe(false);
    expect(isAllowed({ grants: [{ prefix: '', actions: ['status'] }] }, 'status', null)).toBe(true);
    expect(isAllowed({ grants: [{ prefix: '', actions: ['status'] }] }, 'keys', null)).toBe(false);
    expect(isAllowed({ grants: [] }, 'read', 'x')).toBe(false);
  });
});
