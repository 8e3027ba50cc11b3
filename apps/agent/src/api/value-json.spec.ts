import fc from 'fast-check';
import { decodeBase64, encodeBase64 } from './base64.js';
import { takeValue, valueAnswer } from './value-json.js';

const take = (text: string) => {
  const { rest, value } = takeValue(Buffer.from(text));
  return [rest, value.toString()];
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('base64 of bytes', () => {
  it('is what Node makes of them, both ways', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (array) => {
        const bytes = Buffer.from(array);
        const text = encodeBase64(bytes);
        expect(text.toString()).toBe(bytes.toString('base64'));
        expect(decodeBase64(text)?.equals(bytes)).toBe(true);
      }),
    );
  });

  it('is refused in any other form than its one', () => {
    for (const text of ['YQ', 'YQ=', 'YR==', 'YWF=', 'Y Q=', '====', 'Y===', 'YQ==YQ==', 'Y_-=', 'YWJj\n'])
      expect(decodeBase64(Buffer.from(text))).toBeUndefined();
    expect(decodeBase64(Buffer.alloc(0))).toEqual(Buffer.alloc(0));
  });
});

describe('a value in a request', () => {
  it('is cut out wherever it stands, and the rest is what it was', () => {
    expect(take(`{"value":"${base64('hunter2')}"}`)).toEqual([{ value: '' }, 'hunter2']);
    expect(
      take(`\n{ "tags" : {"value":"x"}, "value"\t:\r\n "${base64('é')}" , "expectedVersion":3}`),
    ).toEqual([{ tags: { value: 'x' }, value: '', expectedVersion: 3 }, 'é']);
    expect(take(`{"list":["value",{"value":"no"}],"t":"a \\"value\\": \\\\","value":""}`)).toEqual([
      { list: ['value', { value: 'no' }], t: 'a "value": \\', value: '' },
      '',
    ]);
  });

  it('is found as any JSON parser would, for every object around it', () => {
    const around = fc.dictionary(
      fc.string().filter((key) => key !== 'value' && key !== '__proto__'),
      fc.jsonValue({ maxDepth: 3 }),
    );
    fc.assert(
      fc.property(
        around,
        around,
        fc.string(),
        fc.constantFrom(undefined, 2),
        (before, after, text, indent) => {
          const body = { ...before, value: base64(text), ...after };
          const [rest, value] = take(JSON.stringify(body, null, indent));
          expect(value).toBe(Buffer.from(text).toString());
          expect(rest).toEqual(JSON.parse(JSON.stringify({ ...body, value: '' })));
        },
      ),
    );
  });

  it('must be there, once, as text, in base64', () => {
    const invalid = expect.objectContaining({ code: 'request.invalid' });
    for (const body of [
      '{}',
      '[]',
      '"value"',
      '{"value":7}',
      '{"value":null}',
      '{"value":["YQ=="]}',
      '{"value":"not base64!"}',
      '{"value":"YQ\\u003d="}',
      '{"value":"YQ==","value":"Yg=="}',
      '{"value":"YQ==","\\u0076alue":"Yg=="}',
      '[{"value":"YQ=="}]',
      '{"a":{"value":"YQ=="}}',
      '{"a":"value"}',
    ])
      expect(() => takeValue(Buffer.from(body))).toThrow(invalid);
    for (const body of ['{"value":"YQ=="', '{"value":"YQ==', '{"value":"YQ=="}}', '{"value":"YQ==",}'])
      expect(() => takeValue(Buffer.from(body))).toThrow();
  });
});

it('S31: an answer is put together without a string of the value, which is wiped', () => {
  const value = Buffer.from('hunter2');
  const answer = valueAnswer('team/db', 3, value);
  expect(JSON.parse(answer.toString())).toEqual({ path: 'team/db', version: 3, value: base64('hunter2') });
  expect(value.equals(Buffer.alloc(7))).toBe(true);
});
