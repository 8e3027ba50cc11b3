import { PasswordHasher } from './password.js';
import { type LocalAccount, LocalSignIn } from './sign-in.js';

const hasher = new PasswordHasher({ cost: { memoryKiB: 64, passes: 1, parallelism: 1 } });

async function signIn(password: string, account: Partial<LocalAccount> | null) {
  const known: LocalAccount | null = account && {
    userId: 'usr_1',
    passwordHash: await hasher.hash('right'),
    active: true,
    ...account,
  };
  const local = new LocalSignIn({ accounts: { accountOf: async () => known }, hasher });
  return local.authenticate({ email: 'ann@example.org', password });
}

describe('local sign-in', () => {
  it('takes the right password of an active user', async () => {
    await expect(signIn('right', {})).resolves.toEqual({ userId: 'usr_1' });
  });

  it('answers every failure alike', async () => {
    await expect(signIn('wrong', {})).resolves.toBeNull();
    await expect(signIn('right', { active: false })).resolves.toBeNull();
    await expect(signIn('right', { passwordHash: null })).resolves.toBeNull();
    await expect(signIn('right', null)).resolves.toBeNull();
  });
});
