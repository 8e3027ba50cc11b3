import { idPattern, isId } from './ids.js';

describe('identifiers', () => {
  it('accepts v7 and v8 in lower case with the right prefix', () => {
    expect(isId('agt', 'agt_01932b1e-7c3a-7abc-8def-0123456789ab')).toBe(true);
    expect(isId('agt', 'agt_01932b1e-7c3a-8abc-8def-0123456789ab')).toBe(true);
  });

  it.each([
    ['*'],
    ['agt_*'],
    ['agt_01932B1E-7c3a-7abc-8def-0123456789ab'],
    ['usr_01932b1e-7c3a-7abc-8def-0123456789ab'],
    ['agt_01932b1e-7c3a-4abc-8def-0123456789ab'],
    ['agt_01932b1e-7c3a-7abc-8def-0123456789ab\n'],
    ['agt_01932b1e-7c3a-7abc-8def-0123456789ab.>'],
  ])('refuses %j', (value) => {
    expect(isId('agt', value)).toBe(false);
    expect(idPattern('agt').test(value)).toBe(false);
  });
});
