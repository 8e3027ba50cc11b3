import { assertBrokerVersion, isSafeBrokerVersion } from './version.js';

describe('the version gate', () => {
  it.each([
    '2.12.12',
    '2.12.13',
    'v2.12.40',
    '2.14.3',
    '2.14.10',
    '2.15.0',
    '2.16.1',
    '3.0.0',
    '2.14.4-RC.1',
  ])('S1: %s may serve production', (version) => {
    expect(isSafeBrokerVersion(version)).toBe(true);
  });

  it.each([
    '2.9.10',
    '2.10.29',
    '2.11.9',
    '2.12.11',
    '2.12.12-RC.2',
    '2.13.99',
    '2.14.0',
    '2.14.2',
    '2.14.3-beta.1',
    '1.4.1',
    'unknown',
    '',
    '2.12',
  ])('S1: %s may not', (version) => {
    expect(isSafeBrokerVersion(version)).toBe(false);
    expect(() => assertBrokerVersion(version, { production: true, allowUnsafe: false })).toThrow(
      'known holes',
    );
  });

  it('S1: outside production any version will do, and an operator can decide otherwise explicitly', () => {
    expect(() => assertBrokerVersion('2.9.10', { production: false, allowUnsafe: false })).not.toThrow();
    expect(() => assertBrokerVersion('2.9.10', { production: true, allowUnsafe: true })).not.toThrow();
  });
});
