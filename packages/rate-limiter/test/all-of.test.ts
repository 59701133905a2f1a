import { settle, VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AllOf, type Budget, LeakyBucket, PerClientRateLimiter, TokenBucket } from '../src/index.ts';
import { admits } from './admits.ts';
import { WindowBound } from './window-bound.ts';

function limits() {
  const clock = new VirtualClock();
  const perSecond = new TokenBucket({ name: 'per-second', rate: 10, burst: 3, clock });
  const perHour = new TokenBucket({ name: 'per-hour', rate: 6, intervalMs: 3_600_000, burst: 5, clock });
  return { clock, perSecond, perHour, both: new AllOf({ name: 'api', limits: [perSecond, perHour], clock }) };
}

describe('AllOf', { timeout: 30_000 }, () => {
  it('charges all limits or none', () => {
    const { perSecond, perHour, both } = limits();
    for (let i = 0; i < 3; i++) expect(both.tryAcquire()).toBe(true);
    expect(both.tryAcquire()).toBe(false);
    expect(perSecond.remaining()).toBe(0);
    expect(perHour.remaining()).toBe(2);
    expect(admits(both)).toBe(false);
    expect(both.stats()).toMatchObject({ admitted: 3, rejected: 1 });
  });

  it('reports the longest wait, and names the limit that asks for it', async () => {
    const { clock, both } = limits();
    const strict = new AllOf({ limits: [both], maxQueue: 0, clock });
    for (let i = 0; i < 3; i++) both.tryAcquire();
    expect(both.retryAfterMs()).toBe(100);
    expect(both.violated()).toEqual(['per-second']);
    clock.advanceSync(200);
    expect(both.tryAcquire({ cost: 2 })).toBe(true);
    expect(both.retryAfterMs()).toBe(600_000 - 200);
    expect(both.violated()).toEqual(['per-hour', 'per-second']);
    const rejection = await new AllOf({ limits: [both], maxQueue: 0, clock })
      .acquire()
      .catch((error) => error);
    expect(rejection).toMatchObject({ code: 'RATE_LIMITED', rejectedBy: 'api', retryAfterMs: 599_800 });
    expect(strict.maxCost()).toBe(3);
    expect(both.retryAfterMs({ cost: 4 })).toBe(Number.POSITIVE_INFINITY);
    await expect(both.acquire({ cost: 4 })).rejects.toThrow(RangeError);
  });

  it('names the violated limit in the rejection', async () => {
    const { clock, perSecond, perHour } = limits();
    const both = new AllOf({ name: 'api', limits: [perSecond, perHour], maxQueue: 0, clock });
    perHour.penalty({ cost: 5 });
    expect(await both.acquire().catch((error) => error)).toMatchObject({
      code: 'RATE_LIMITED',
      rejectedBy: 'per-hour',
      retryAfterMs: 600_000,
    });
    expect(perSecond.remaining()).toBe(3);
  });

  it('waits in order until all limits admit', async () => {
    const { clock, perSecond, both } = limits();
    const served: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      both.acquire().then(() => served.push(`${name} at ${clock.now()}`));
    await settle();
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    // Another caller takes from one of the limits in between.
    perSecond.penalty({ cost: 1 });
    await clock.advance(10_000);
    expect(served).toEqual(['a at 0', 'b at 0', 'c at 0', 'd at 100', 'e at 300']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects at once when the wait would not end before the deadline', async () => {
    const { clock, both } = limits();
    for (let i = 0; i < 3; i++) both.tryAcquire();
    const waiting = both.acquire();
    const rejection = await both.acquire({ deadline: 200 }).catch((error) => error);
    expect(rejection).toMatchObject({ code: 'DEADLINE_EXCEEDED', rejectedBy: 'api', retryAfterMs: 200 });
    await clock.advance(100);
    await waiting;
  });

  it('takes nothing when one budget is part of two limits and is too small for both', async () => {
    const clock = new VirtualClock();
    const shared = new TokenBucket({ name: 'shared', rate: 1, burst: 3, clock });
    const own = new LeakyBucket({ name: 'own', rate: 1, capacity: 5, clock });
    const inner = new AllOf({ limits: [own, shared], clock });
    const outer = new AllOf({ limits: [inner, shared], clock });
    shared.tryAcquire({ cost: 0.5 });
    expect(outer.tryAcquire({ cost: 2 })).toBe(false);
    expect([own.level(), shared.remaining()]).toEqual([0, 2.5]);
    shared.reset();
    let served = false;
    outer.acquire({ cost: 1.5 }).then(() => {
      served = true;
    });
    await settle();
    expect(served).toBe(true);
    // No limit asks for a wait, but the budget is charged twice and never has enough: it must neither hang nor spin.
    const controller = new AbortController();
    const hopeless = outer.acquire({ cost: 2, signal: controller.signal }).catch((error) => error);
    await clock.advance(100);
    controller.abort();
    expect(await hopeless).toMatchObject({ code: 'CANCELLED' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('limits each client and all of them together', () => {
    const clock = new VirtualClock();
    const parent = new TokenBucket({ name: 'everybody', rate: 10, burst: 4, clock });
    const perClient = new PerClientRateLimiter({ name: 'each', rate: 1, burst: 3, clock });
    const of = (key: string) => new AllOf({ limits: [perClient.client(key), parent], clock });
    for (let i = 0; i < 3; i++) expect(of('ann').tryAcquire()).toBe(true);
    expect(of('ann').violated()).toEqual(['each']);
    expect(of('bob').tryAcquire()).toBe(true);
    expect(of('bob').violated()).toEqual(['everybody']);
    expect(of('bob').tryAcquire()).toBe(false);
    expect(perClient.remaining('bob')).toBe(2);
    of('bob').refund();
    expect(perClient.remaining('bob')).toBe(3);
    expect(parent.remaining()).toBe(1);
  });

  it('admits calls that only a limit in shadow mode would have rejected', () => {
    const clock = new VirtualClock();
    const trial = new TokenBucket({ rate: 1, shadow: true, clock });
    const real = new TokenBucket({ rate: 3, clock });
    const both = new AllOf({ limits: [trial, real], clock });
    expect([1, 2, 3, 4].map(() => both.tryAcquire())).toEqual([true, true, true, false]);
    expect(trial.stats()).toMatchObject({ admitted: 1, shadowed: 2 });
  });

  it('keeps all of its limits at once, and its retryAfterMs is exact', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ wait: fc.nat(500), cost: fc.integer({ min: 1, max: 6 }) }), {
          maxLength: 300,
          size: 'max',
        }),
        (calls) => {
          const clock = new VirtualClock();
          const sizes = [
            [10, 1000, 5],
            [30, 10_000, 20],
            [4, 1000, 8],
          ] as const;
          const parts: Budget[] = sizes.map(
            ([rate, intervalMs, burst]) => new TokenBucket({ rate, intervalMs, burst, clock }),
          );
          const all = new AllOf({ limits: parts, clock });
          const bounds = sizes.map(([rate, intervalMs]) => new WindowBound(rate / intervalMs));
          for (const { wait, cost } of calls) {
            clock.advanceSync(wait);
            const retryAfterMs = all.retryAfterMs({ cost });
            if (retryAfterMs > 0 && retryAfterMs < Number.POSITIVE_INFINITY) {
              expect(admits(all, { cost }, clock.now() + retryAfterMs * 0.999)).toBe(false);
              expect(admits(all, { cost }, clock.now() + retryAfterMs)).toBe(true);
            }
            if (all.tryAcquire({ cost })) for (const bound of bounds) bound.admitted(cost, clock.now());
          }
          sizes.forEach(([, , burst], i) => {
            expect(bounds[i]?.worst).toBeLessThanOrEqual(burst + 1e-6);
          });
        },
      ),
    );
  });
});
