import type { CallContext } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions } from '../src/index.ts';

/** Nanoseconds of a rejected call in front of a full queue of `waiting` calls. */
async function rejectionNs(
  waiting: number,
  options: Partial<ConcurrencyLimiterOptions>,
  ctxOf: (i: number) => CallContext,
): Promise<number> {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: waiting, clock, ...options });
  void limiter.execute(() => new Promise<void>((resolve) => void clock.setTimer(resolve, 10)));
  await clock.advance(10);
  const held = await limiter.acquire();
  for (let i = 0; i < waiting; i++) limiter.acquire(ctxOf(i)).catch(() => {});
  expect(limiter.stats().queued).toBe(waiting);
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const calls = 20;
    const start = performance.now();
    for (let i = 0; i < calls; i++) limiter.acquire(ctxOf(0)).catch(() => {});
    fastest = Math.min(fastest, ((performance.now() - start) * 1e6) / calls);
    await Promise.resolve();
  }
  expect(limiter.stats().rejected).toBe(100);
  held.release();
  return fastest;
}

describe('rejecting a call in front of a full queue', () => {
  it.each<[string, Partial<ConcurrencyLimiterOptions>, (i: number) => CallContext]>([
    ['calls without a context', {}, () => ({})],
    ['as many keys', { fair: true }, (i) => ({ key: `client ${i}` })],
    ['as many priorities', {}, (i) => ({ priority: i })],
    ['many priorities and keys', { fair: true }, (i) => ({ priority: i % 300, key: `client ${i}` })],
    ['calls with a deadline', {}, (i) => ({ priority: i % 300, deadline: 1e9 })],
  ])('takes no longer in proportion to its length: %s', async (_, options, ctxOf) => {
    const shortNs = await rejectionNs(1000, options, ctxOf);
    const longNs = await rejectionNs(20_000, options, ctxOf);
    expect(longNs).toBeGreaterThan(0);
    // Twenty times as many calls wait: with O(log n) less than twice the time, with O(n) twenty times.
    expect(longNs / shortNs, `${longNs} ns, with 1000 calls ${shortNs} ns`).toBeLessThan(8);
  });
});
