import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contextHeaders,
  parseGrpcTimeoutMs,
  parseTimeoutMs,
  RequestContext,
  readAttempt,
  readContextOptions,
} from '../src/index.ts';

describe('readContextOptions', () => {
  it.each([
    ['0', 0],
    ['250', 250],
    ['9999999999', 9_999_999_999],
    ['', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    [' 5', undefined],
    ['12345678901', undefined],
    ['٣', undefined],
  ])('x-request-timeout-ms: %j is %s', (value, expected) => expect(parseTimeoutMs(value)).toBe(expected));

  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5000u', 5],
    ['6000000n', 6],
    ['99999999m', 99_999_999],
    ['123456789m', undefined],
    ['1', undefined],
    ['S', undefined],
    ['1s', undefined],
    ['-1S', undefined],
  ])('grpc-timeout: %j is %s', (value, expected) => {
    const parsed = parseGrpcTimeoutMs(value);
    if (expected === undefined) expect(parsed).toBeUndefined();
    else expect(parsed).toBeCloseTo(expected);
  });

  it('clamps the timeout to the limits, and reads either form of header', () => {
    const limits = { maxTimeoutMs: 1000, defaultTimeoutMs: 300 };
    expect(readContextOptions({ 'x-request-timeout-ms': '5000' }, limits)).toEqual({ timeoutMs: 1000 });
    expect(readContextOptions(new Headers({ 'X-Request-Timeout-Ms': '200' }), limits)).toEqual({
      timeoutMs: 200,
    });
    expect(readContextOptions({ 'grpc-timeout': '50m' }, limits)).toEqual({ timeoutMs: 50 });
    expect(readContextOptions({ 'x-request-timeout-ms': 'soon' }, limits)).toEqual({ timeoutMs: 300 });
    expect(readContextOptions({ 'x-request-timeout-ms': ['1', '2'] }, limits)).toEqual({ timeoutMs: 300 });
    expect(readContextOptions({}, limits)).toEqual({ timeoutMs: 300 });
  });

  it('accepts a lower priority, and a higher one up to maxPriority', () => {
    const limits = { maxTimeoutMs: 1000, maxPriority: 2 };
    expect(readContextOptions({ 'x-request-priority': '9' }, limits).priority).toBe(2);
    expect(readContextOptions({ 'x-request-priority': '-3' }, limits).priority).toBe(-3);
    expect(readContextOptions({ 'x-request-priority': 'high' }, limits).priority).toBe(0);
    expect(readContextOptions({ 'x-request-priority': '9' }, { maxTimeoutMs: 1 }).priority).toBeUndefined();
  });

  it('reads a Map, and a record with a header named get', () => {
    const limits = { maxTimeoutMs: 1000 };
    expect(readContextOptions(new Map([['grpc-timeout', '2S']]), limits).timeoutMs).toBe(1000);
    expect(readContextOptions(new Map([['grpc-timeout', '20m']]), limits).timeoutMs).toBe(20);
    expect(readContextOptions({ get: 'x', 'x-request-timeout-ms': '7' }, limits).timeoutMs).toBe(7);
  });

  it('prefers x-request-timeout-ms, and uses grpc-timeout if that is invalid', () => {
    const limits = { maxTimeoutMs: 1000 };
    const both = (plain: string) => ({ 'x-request-timeout-ms': plain, 'grpc-timeout': '30m' });
    expect(readContextOptions(both('20'), limits).timeoutMs).toBe(20);
    expect(readContextOptions(both('soon'), limits).timeoutMs).toBe(30);
  });

  it('ignores a header that appears twice', () => {
    const twice = new Headers([
      ['x-request-timeout-ms', '5'],
      ['x-request-timeout-ms', '7'],
    ]);
    expect(readContextOptions(twice, { maxTimeoutMs: 100 }).timeoutMs).toBe(100);
  });

  it.each<[string, object]>([
    ['maxTimeoutMs must be a finite number above 0, got 0', { maxTimeoutMs: 0 }],
    ['maxTimeoutMs must be a finite number above 0, got undefined', {}],
    ['maxTimeoutMs must be a number from 0 to 315576000000', { maxTimeoutMs: 1e12 }],
    ['unknown option timeoutMs: did you mean maxTimeoutMs?', { timeoutMs: 5 }],
    ['defaultTimeoutMs must be a finite number above 0', { maxTimeoutMs: 1, defaultTimeoutMs: -1 }],
    ['defaultTimeoutMs must be at most maxTimeoutMs = 5, got 6', { maxTimeoutMs: 5, defaultTimeoutMs: 6 }],
    ['maxPriority must be a finite number, got NaN', { maxTimeoutMs: 5, maxPriority: Number.NaN }],
  ])('rejects wrong limits: %s', (message, limits) => {
    expect(() => readContextOptions({}, limits as { maxTimeoutMs: number })).toThrow(message);
  });

  it('never throws because of a header, and never exceeds the limits', () => {
    const value = fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{1,12}[HMSmun]?$/));
    const headers = fc.dictionary(
      fc.constantFrom(
        'x-request-timeout-ms',
        'grpc-timeout',
        'x-request-priority',
        'x-request-attempt',
        'get',
      ),
      fc.oneof(value, fc.array(value)),
    );
    fc.assert(
      fc.property(headers, (given) => {
        const { timeoutMs, priority } = readContextOptions(given, {
          maxTimeoutMs: 500,
          defaultTimeoutMs: 100,
          maxPriority: 3,
        });
        expect(timeoutMs).toBeGreaterThanOrEqual(0);
        expect(timeoutMs).toBeLessThanOrEqual(500);
        expect(priority).toBeLessThanOrEqual(3);
        expect(new RequestContext({ timeoutMs, priority }).remainingMs()).toBeLessThanOrEqual(500);
        const attempt = readAttempt(given);
        expect(Number.isInteger(attempt) && attempt >= 1 && attempt <= 999).toBe(true);
      }),
    );
  });

  it('reads no inherited header', () => {
    const headers = Object.create({ 'x-request-timeout-ms': '1' }) as Record<string, string>;
    expect(readContextOptions(headers, { maxTimeoutMs: 100 })).toEqual({ timeoutMs: 100 });
  });

  it('reads the number of the attempt', () => {
    expect(readAttempt({ 'x-request-attempt': '3' })).toBe(3);
    for (const value of ['0', '-1', '01', '1000', '2.5', 'x', ' 2']) {
      expect(readAttempt({ 'x-request-attempt': value })).toBe(1);
    }
    expect(readAttempt(new Headers({ 'X-Request-Attempt': '999' }))).toBe(999);
    expect(readAttempt({})).toBe(1);
  });
});

describe('contextHeaders', () => {
  it('sends the remaining time less the margin, at least 0, and never grows on the way', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e11, noNaN: true }),
        fc.double({ min: 0, max: 500, noNaN: true }),
        fc.boolean(),
        (timeoutMs, marginMs, grpc) => {
          const clock = new VirtualClock();
          const ctx = new RequestContext({ timeoutMs, clock });
          const headers = contextHeaders(ctx, { marginMs, grpc });
          expect(Object.keys(headers)).toEqual([grpc ? 'grpc-timeout' : 'x-request-timeout-ms']);
          const sent = readContextOptions(headers, {
            maxTimeoutMs: 3e11,
            defaultTimeoutMs: 3e11,
          });
          const most = Math.max(0, timeoutMs - marginMs);
          const rounding = grpc && most > 99_999_999 ? 1000 : 1;
          expect(sent.timeoutMs).toBeLessThanOrEqual(most);
          expect(sent.timeoutMs).toBeGreaterThanOrEqual(
            Math.min(Math.floor(most), 9_999_999_999) - rounding + 1,
          );
        },
      ),
    );
  });

  it('keeps back 10 ms by default, and shrinks as time passes', async () => {
    const clock = new VirtualClock();
    const ctx = new RequestContext({ timeoutMs: 200, clock });
    expect(contextHeaders(ctx)).toEqual({ 'x-request-timeout-ms': '190' });
    await clock.advance(50.5);
    expect(contextHeaders(ctx, { marginMs: 0 })).toEqual({ 'x-request-timeout-ms': '149' });
    await clock.advance(500);
    expect(contextHeaders(ctx)).toEqual({ 'x-request-timeout-ms': '0' });
  });

  it('sends priority and attempt, and no timeout without a deadline', () => {
    const ctx = new RequestContext({ priority: 4 });
    expect(contextHeaders(ctx, { attempt: 2 })).toEqual({
      'x-request-priority': '4',
      'x-request-attempt': '2',
    });
    expect(contextHeaders(new RequestContext())).toEqual({});
  });

  it.each([
    [0.9, undefined],
    [1.9, '1'],
    [-0.2, '-1'],
    [-3, '-3'],
    [1e9, '999999'],
    [-1e9, '-999999'],
  ])('sends priority %d as %s, which never grows and which the next service can read', (priority, sent) => {
    const headers = contextHeaders(new RequestContext({ priority }));
    expect(headers['x-request-priority']).toBe(sent);
    const read = readContextOptions(headers, { maxTimeoutMs: 1, maxPriority: 1e9 }).priority;
    expect(read).toBe(Number(sent ?? 0));
  });

  it('sends at most the largest attempt that the next service can read', () => {
    const headers = contextHeaders(new RequestContext(), { attempt: 5000 });
    expect(readAttempt(headers)).toBe(999);
  });

  it.each<[string, object]>([
    ['marginMs must be a finite number of at least 0', { marginMs: -1 }],
    ['attempt must be an integer of at least 1', { attempt: 0 }],
    ['unknown option margin: did you mean marginMs?', { margin: 5 }],
    ['options must be an object', null as unknown as object],
  ])('rejects wrong options: %s', (message, options) => {
    expect(() => contextHeaders(new RequestContext(), options)).toThrow(message);
  });
});
