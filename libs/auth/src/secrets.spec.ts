import { ENROLMENT_TOKEN } from '@keyfleet/contracts/http';
import {
  hashSecret,
  mintApiToken,
  mintEnrolmentToken,
  mintSessionSecret,
  parseEnrolmentToken,
  sameHash,
} from './secrets.js';

const pin = 'ab'.repeat(32);

describe('secrets that are shown once', () => {
  it('S23: are 256 random bits and are kept as a hash of what is sent', () => {
    for (const mint of [mintSessionSecret, mintApiToken]) {
      const { secret, hash } = mint();
      expect(Buffer.from(secret.replace(/^kf_/, ''), 'base64url')).toHaveLength(32);
      expect(hash).toBe(hashSecret(secret));
      expect(mint().secret).not.toBe(secret);
    }
    expect(mintApiToken().secret).toMatch(/^kf_[A-Za-z0-9_-]{43}$/);
  });

  it('S6: an enrolment token is a pin and 256 bits, found again by the hash of the bits', () => {
    const { secret, hash } = mintEnrolmentToken(pin);
    expect(secret).toMatch(ENROLMENT_TOKEN);
    expect(parseEnrolmentToken(secret)).toEqual({ pin, hash });
    expect(parseEnrolmentToken(secret.replace(pin, '00'.repeat(32)))).toEqual({
      pin: '00'.repeat(32),
      hash,
    });
  });

  it.each(['', 'kfe_', `kfe_${pin}_short`, `kfe_${pin.toUpperCase()}_${'a'.repeat(43)}`, 'kf_x'])(
    'takes %j for no enrolment token',
    (text) => expect(parseEnrolmentToken(text)).toBeNull(),
  );

  it('compares hashes of any length', () => {
    expect(sameHash(hashSecret('a'), hashSecret('a'))).toBe(true);
    expect(sameHash(hashSecret('a'), hashSecret('b'))).toBe(false);
    expect(sameHash('a', 'ab')).toBe(false);
  });
});
