import { argon2Sync } from 'node:crypto';
import { sameTiming } from '@keyfleet/testing';
import { PasswordHasher } from './password.js';

describe('the password hasher', () => {
  it('S22: costs at least 19 MiB and two passes, and its string is checked by plain argon2id', async () => {
    const stored = await new PasswordHasher().hash('correct horse');
    const [, kind, version, cost, salt, hash] = stored.split('$');
    expect([kind, version, cost]).toEqual(['argon2id', 'v=19', 'm=19456,t=2,p=1']);
    const again = argon2Sync('argon2id', {
      message: 'correct horse',
      nonce: Buffer.from(salt as string, 'base64'),
      memory: 19_456,
      passes: 2,
      parallelism: 1,
      tagLength: 32,
    });
    expect(again.toString('base64').replaceAll('=', '')).toBe(hash);
  });

  it('knows the right password, in any Unicode form, from a wrong one', async () => {
    const hasher = new PasswordHasher();
    const stored = await hasher.hash('caf\u00e9');
    await expect(hasher.verify('cafe\u0301', stored)).resolves.toBe(true);
    await expect(hasher.verify('cafe', stored)).resolves.toBe(false);
    expect(await hasher.hash('caf\u00e9')).not.toBe(stored);
  });

  it('still verifies what was hashed at another cost', async () => {
    const cheap = new PasswordHasher({ cost: { memoryKiB: 64, passes: 1, parallelism: 1 } });
    await expect(new PasswordHasher().verify('x', await cheap.hash('x'))).resolves.toBe(true);
  });

  it('S22: an unknown user takes as long as a wrong password', async () => {
    const hasher = new PasswordHasher({ cost: { memoryKiB: 4_096, passes: 2, parallelism: 1 } });
    const stored = await hasher.hash('secret');
    const same = await sameTiming(
      () => hasher.verify('wrong', stored),
      () => hasher.verify('wrong', null),
      60,
    );
    expect(same).toBeGreaterThan(0.01);
  });

  it('S13: works on two at a time however many ask, and refuses a queue without end', async () => {
    const hasher = new PasswordHasher({ cost: { memoryKiB: 64, passes: 1, parallelism: 1 } });
    const asked = Array.from({ length: 100 }, () => hasher.verify('x', null));
    const answers = await Promise.allSettled(asked);
    const refused = answers.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(100 - 2 - 64);
    expect(refused[0]).toMatchObject({ reason: { code: 'rate.limited' } });
    await expect(hasher.verify('x', null)).resolves.toBe(false);
  });
});
