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

describe('what comes in', () => {
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

  it('is clamped to what the server allows, and read from either form of headers', () => {
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

  it('may lower the priority, but raise it only as far as the server allows', () => {
    const limits = { maxTimeoutMs: 1000, maxPriority: 2 };
    expect(readContextOptions({ 'x-request-priority': '9' }, limits).priority).toBe(2);
    expect(readContextOptions({ 'x-request-priority': '-3' }, limits).priority).toBe(-3);
    expect(readContextOptions({ 'x-request-priority': 'high' }, limits).priority).toBe(0);
    expect(readContextOptions({ 'x-request-priority': '9' }, { maxTimeoutMs: 1 }).priority).toBeUndefined();
  });

  it('is not looked for on the prototype', () => {
    const headers = Object.create({ 'x-request-timeout-ms': '1' }) as Record<string, string>;
    expect(readContextOptions(headers, { maxTimeoutMs: 100 })).toEqual({ timeoutMs: 100 });
  });

  it('says which try it is', () => {
    expect(readAttempt({ 'x-request-attempt': '3' })).toBe(3);
    expect(readAttempt({ 'x-request-attempt': '0' })).toBe(1);
    expect(readAttempt({})).toBe(1);
  });
});

describe('what goes out', () => {
  it('is what remains less the margin, never below 0, and comes in as less than went out', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 0, max: 500 }),
        (timeoutMs, marginMs) => {
          const clock = new VirtualClock();
          const ctx = new RequestContext({ timeoutMs, clock });
          const headers = contextHeaders(ctx, { marginMs });
          const next = readContextOptions(headers, { maxTimeoutMs: 1_000_000 });
          expect(next.timeoutMs).toBe(Math.max(0, timeoutMs - marginMs));
        },
      ),
    );
  });

  it('carries priority and attempt, and no deadline where there is none', () => {
    const ctx = new RequestContext({ priority: 4 });
    expect(contextHeaders(ctx, { attempt: 2 })).toEqual({
      'x-request-priority': '4',
      'x-request-attempt': '2',
    });
  });
});
