import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ATTEMPT_HEADER,
  GRPC_TIMEOUT_HEADER,
  PRIORITY_HEADER,
  parseAttempt,
  parseGrpcTimeoutMs,
  parsePriority,
  parseTimeoutMs,
  readHeader,
  TIMEOUT_HEADER,
  wireHeaders,
} from '../src/kit/index.ts';

describe('wireHeaders', () => {
  it('sends nothing of a call without deadline, priority and attempt', () => {
    expect(wireHeaders({})).toEqual({});
    expect(wireHeaders({ remainingMs: Number.POSITIVE_INFINITY, marginMs: 10, priority: 0 })).toEqual({});
  });

  it('sends what it has', () => {
    expect(wireHeaders({ remainingMs: 250.9, marginMs: 10, priority: 2, attempt: 3 })).toEqual({
      [TIMEOUT_HEADER]: '240',
      [PRIORITY_HEADER]: '2',
      [ATTEMPT_HEADER]: '3',
    });
    expect(wireHeaders({ remainingMs: 250, grpc: true })).toEqual({ [GRPC_TIMEOUT_HEADER]: '250m' });
    expect(wireHeaders({ remainingMs: Number.NaN, priority: Number.NaN }), 'never NaN').toEqual({
      [TIMEOUT_HEADER]: '0',
    });
  });

  it('is read back as no more than was sent, whatever the numbers', () => {
    const number = fc.double({ noNaN: true });
    const positive = fc.double({ min: 0, noNaN: true });
    fc.assert(
      fc.property(positive, positive, number, fc.integer({ min: 1 }), fc.boolean(), (...values) => {
        const [remainingMs, marginMs, priority, attempt, grpc] = values;
        fc.pre(remainingMs !== Number.POSITIVE_INFINITY);
        const headers = wireHeaders({ remainingMs, marginMs, priority, attempt, grpc });
        const timeoutMs = grpc
          ? readHeader(headers, GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs)
          : readHeader(headers, TIMEOUT_HEADER, parseTimeoutMs);
        const left = Math.max(0, remainingMs - marginMs);
        expect(timeoutMs).toBeLessThanOrEqual(left);
        expect(timeoutMs).toBeGreaterThan(Math.min(left, 9_999_999_999) - 1001);
        const read = readHeader(headers, PRIORITY_HEADER, parsePriority) ?? 0;
        expect(read).toBeLessThanOrEqual(Math.max(priority, -999_999));
        expect(read).toBeGreaterThanOrEqual(Math.floor(Math.min(priority, 999_999)));
        expect(readHeader(headers, ATTEMPT_HEADER, parseAttempt)).toBe(Math.min(attempt, 999));
      }),
    );
  });
});

describe('readHeader', () => {
  it('reads Headers, maps and records, and nothing that is there twice or inherited', () => {
    const headers = { [ATTEMPT_HEADER]: '2' };
    expect(readHeader(new Headers(headers), ATTEMPT_HEADER, parseAttempt)).toBe(2);
    expect(readHeader(new Map(Object.entries(headers)), ATTEMPT_HEADER, parseAttempt)).toBe(2);
    expect(readHeader(headers, ATTEMPT_HEADER, parseAttempt)).toBe(2);
    expect(readHeader({ [ATTEMPT_HEADER]: ['2', '3'] }, ATTEMPT_HEADER, parseAttempt)).toBeUndefined();
    expect(readHeader(Object.create(headers), ATTEMPT_HEADER, parseAttempt)).toBeUndefined();
    expect(readHeader({}, ATTEMPT_HEADER, parseAttempt)).toBeUndefined();
  });
});

describe('parsing', () => {
  it.each<[(value: string) => number | undefined, string, number | undefined]>([
    [parseTimeoutMs, '0', 0],
    [parseTimeoutMs, '9999999999', 9_999_999_999],
    [parseTimeoutMs, '10000000000', undefined],
    [parseTimeoutMs, '-1', undefined],
    [parseTimeoutMs, '1e3', undefined],
    [parseTimeoutMs, '', undefined],
    [parseGrpcTimeoutMs, '99999999H', 99_999_999 * 3_600_000],
    [parseGrpcTimeoutMs, '5s', undefined],
    [parsePriority, '-999999', -999_999],
    [parsePriority, '1000000', undefined],
    [parsePriority, '+1', undefined],
    [parsePriority, '1.5', undefined],
    [parseAttempt, '999', 999],
    [parseAttempt, '0', undefined],
    [parseAttempt, '01', undefined],
    [parseAttempt, '1000', undefined],
  ])('%o of %o is %o', (parse, value, expected) => expect(parse(value)).toBe(expected));

  it('never throws and never returns NaN', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        for (const parse of [parseTimeoutMs, parseGrpcTimeoutMs, parsePriority, parseAttempt]) {
          expect(parse(value)).not.toBeNaN();
        }
      }),
    );
  });
});
