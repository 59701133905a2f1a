import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../src/index.ts';

const NOW = Date.UTC(2024, 1, 28, 23, 59, 30);
const parse = (value: string): number | undefined => parseRetryAfter(value, () => NOW);

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    ['007', 7000],
    ['9'.repeat(20), 1e23],
    ['Thu, 29 Feb 2024 00:00:00 GMT', 30_000],
    ['Thursday, 29-Feb-24 00:00:00 GMT', 30_000],
    ['Thu Feb 29 00:00:00 2024', 30_000],
    ['Fri Mar  1 00:00:00 2024', 86_430_000],
    ['Wed, 28 Feb 2024 23:59:60 GMT', 30_000],
    ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ])('understands %j as %d ms', (value, ms) => expect(parse(value)).toBe(ms));

  it.each([
    '',
    ' 1',
    '1 ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'Infinity',
    '1, 2',
    '١٢',
    'soon',
    '2024-02-29T00:00:00Z',
    'thu, 29 feb 2024 00:00:00 gmt',
    'Thu, 29 Feb 2024 00:00:00 UTC',
    'Thu, 29 Feb 2024 00:00:00 +0000',
    'Thu, 29 Feb 2024 24:00:00 GMT',
    'Thu, 29 Feb 2024 00:60:00 GMT',
    'Thu, 29 Feb 2024 00:00:61 GMT',
    'Thu, 29 Feb 2023 00:00:00 GMT',
    'Thu, 00 Feb 2024 00:00:00 GMT',
    'Thu, 32 Jan 2024 00:00:00 GMT',
    'Thu, 29 Foo 2024 00:00:00 GMT',
    'Thu, 29 Feb 2024 00:00:00 GMT\n',
    'Thu, 29 Feb 2024 00:00:00 GMT, Fri, 01 Mar 2024 00:00:00 GMT',
    'Thu Feb 9 00:00:00 2024',
    'Thu, 29-Feb-24 00:00:00 GMT',
    '9'.repeat(65),
  ])('does not understand %j', (value) => expect(parse(value)).toBeUndefined());

  it('takes two digits for the last year that ends so and is not more than 50 years ahead', () => {
    const year = (twoDigits: string, nowYear: number): number => {
      const now = Date.UTC(nowYear, 0, 1);
      const ms = parseRetryAfter(`Monday, 01-Jan-${twoDigits} 00:00:00 GMT`, () => now) ?? Number.NaN;
      return new Date(now + ms).getUTCFullYear();
    };
    expect(year('25', 2024)).toBe(2025);
    expect(year('74', 2024)).toBe(2074);
    expect(year('00', 2090)).toBe(2100);
    expect(
      parseRetryAfter('Monday, 01-Jan-75 00:00:00 GMT', () => NOW),
      '1975 has been',
    ).toBe(0);
  });

  it('uses the wall clock by default', () => {
    const ms = parseRetryAfter(new Date(Date.now() + 60_000).toUTCString()) ?? 0;
    expect(ms).toBeGreaterThan(50_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });

  it('agrees with the platform on every date that the platform writes', () => {
    const day = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true });
    fc.assert(
      fc.property(day, (date) => {
        const expected = Math.max(0, Math.floor(date.getTime() / 1000) * 1000 - NOW);
        expect(parse(date.toUTCString())).toBe(expected);
      }),
    );
  });

  it('never throws and never says less than nothing, whatever it is given', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+0-9a-zA-Z:, ]{0,40}$/)), (value) => {
        const ms = parse(value);
        expect(ms === undefined || ms >= 0).toBe(true);
      }),
    );
  });
});
