import { keyedHash, nameReference } from './keyed.js';

describe('a keyed hash', () => {
  it('stands for a name on an event, and differs under another key', () => {
    const key = Buffer.alloc(32, 1);
    expect(nameReference(key, 'team/app')).toBe(`h:${keyedHash(key, Buffer.from('team/app'))}`);
    expect(nameReference(key, 'team/app')).toMatch(/^h:[0-9a-f]{64}$/);
    expect(nameReference(Buffer.alloc(32, 2), 'team/app')).not.toBe(nameReference(key, 'team/app'));
  });
});
