import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions } from '../src/index.ts';

/** A breaker that is HALF_OPEN with all its probes running, after successful calls of these durations. */
function probing(durationsMs: readonly number[], options: CircuitBreakerOptions = {}) {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker({ consecutiveFailures: 1, openMs: 60_000, clock, ...options });
  for (const durationMs of durationsMs) {
    const permit = breaker.tryAcquire({ priority: 1 });
    clock.advanceSync(durationMs);
    permit?.success();
  }
  breaker.tryAcquire()?.failure();
  clock.advanceSync(60_000);
  const probes = [1, 2, 3].map(() => breaker.tryAcquire());
  return { clock, breaker, probes };
}

describe('retryAfterMs while the probes run', () => {
  it('is when a typical probe ends, not when a hung one would be given up', () => {
    const { clock, breaker } = probing([50]);
    expect(breaker.retryAfterMs()).toBe(50);
    clock.advanceSync(20);
    expect(breaker.retryAfterMs()).toBe(30);
  });

  it('doubles with the time that a probe takes longer, up to the time at which it is given up', () => {
    const { clock, breaker } = probing([50]);
    clock.advanceSync(200);
    expect(breaker.retryAfterMs()).toBe(200);
    clock.advanceSync(20_000);
    expect(breaker.retryAfterMs()).toBe(20_200);
    clock.advanceSync(29_800);
    expect(breaker.retryAfterMs()).toBe(10_000);
  });

  it('is unknown as long as no successful call was measured', async () => {
    const { breaker } = probing([]);
    expect(breaker.retryAfterMs()).toBeUndefined();
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({
      code: 'CIRCUIT_OPEN',
      retryAfterMs: undefined,
    });
  });

  it('learns from the probes that have ended', () => {
    const { clock, breaker, probes } = probing([]);
    clock.advanceSync(30);
    probes[0]?.success();
    expect(breaker.retryAfterMs(), 'two others run for 30 ms').toBe(30);
  });

  it('measures one call in sixteen of a closed breaker, without a context too', async () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, openMs: 1000, halfOpenProbes: 1, clock });
    const call = breaker.execute(() => new Promise<void>((resolve) => clock.setTimer(resolve, 70)));
    await clock.advance(70);
    await call;
    for (let i = 0; i < 40; i++) await breaker.execute(() => {});
    breaker.tryAcquire()?.failure();
    clock.advanceSync(1000);
    breaker.tryAcquire();
    expect(breaker.retryAfterMs(), 'later calls take no time').toBeCloseTo(70 / 4);
  });

  it('gives each further rejected call a later time, and check() agrees with execute', async () => {
    const { breaker } = probing([50]);
    const waits: number[] = [];
    for (let i = 0; i < 20; i++) {
      const checked = breaker.check()?.retryAfterMs;
      const rejection = await breaker.execute(() => 1).catch((error: unknown) => error);
      expect(isRejected(rejection, 'CIRCUIT_OPEN') && rejection.retryAfterMs).toBe(checked);
      waits.push(checked ?? Number.NaN);
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(new Set(waits).size).toBe(20);
    expect(waits[0]).toBe(50);
    expect(Math.max(...waits)).toBeLessThan(200);
  });

  it('is bounded by two seconds plus the time the probes have taken, whatever was measured', () => {
    const durations = fc.array(fc.oneof(fc.nat(100), fc.nat(100_000_000)), { maxLength: 10 });
    fc.assert(
      fc.property(durations, fc.nat(50_000), fc.nat(3000), (history, elapsedMs, rejections) => {
        const { clock, breaker } = probing(history);
        for (let i = 0; i < rejections; i++) breaker.tryAcquire();
        clock.advanceSync(elapsedMs);
        const retryAfterMs = breaker.retryAfterMs();
        if (history.length === 0) expect(retryAfterMs).toBeUndefined();
        else {
          expect(retryAfterMs).toBeGreaterThan(0);
          expect(retryAfterMs).toBeLessThanOrEqual(2000 + elapsedMs);
        }
      }),
    );
  });

  it('follows the dependency within three calls, whatever was measured before', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1e9), { maxLength: 20 }),
        fc.integer({ min: 1, max: 500 }),
        (history, ms) => {
          const { breaker } = probing([...history, ms, ms, ms]);
          const retryAfterMs = breaker.retryAfterMs() ?? Number.NaN;
          expect(retryAfterMs).toBeGreaterThanOrEqual(ms * 0.87);
          expect(retryAfterMs).toBeLessThanOrEqual(ms + 1000 / 8);
        },
      ),
    );
  });
});

describe('a thousand obedient clients of a dependency that has recovered', () => {
  const CLIENTS = 1000;
  const CALL_MS = 50;

  /** Clients that return exactly after their retryAfterMs; resolves with the times at which their calls began. */
  async function recover(): Promise<{ began: number[]; probedAt: number }> {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ consecutiveFailures: 5, clock });
    let healthy = true;
    const began: number[] = [];
    const work = async (): Promise<void> => {
      if (!healthy) throw new Error('down');
      began.push(clock.now());
      await new Promise<void>((resolve) => clock.setTimer(resolve, CALL_MS));
    };
    const before = breaker.execute(work);
    await clock.advance(CALL_MS);
    await before;
    healthy = false;
    for (let i = 0; i < 5; i++) await breaker.execute(work).catch(() => {});
    expect(breaker.state).toBe('OPEN');
    healthy = true;
    began.length = 0;
    const probedAt = clock.now() + 60_000;
    const client = async (): Promise<void> => {
      for (;;) {
        try {
          return await breaker.execute(work);
        } catch (error) {
          if (!isRejected(error, 'CIRCUIT_OPEN')) throw error;
          const waitMs = error.retryAfterMs ?? 10_000;
          await new Promise<void>((resolve) => clock.setTimer(resolve, waitMs));
        }
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    await clock.advance(65_000);
    await clients;
    expect(clock.pendingTimers).toBe(0);
    return { began, probedAt };
  }

  it('are all served within two seconds, and return smoothly', async () => {
    const { began, probedAt } = await recover();
    expect(began).toHaveLength(CLIENTS);
    expect(Math.min(...began)).toBe(probedAt);
    expect(Math.max(...began)).toBeLessThan(probedAt + 2000);
    // No stretch of one call's duration begins more than an eighth of the calls.
    const stretches = new Map<number, number>();
    for (const at of began) {
      const stretch = Math.floor((at - probedAt) / CALL_MS);
      stretches.set(stretch, (stretches.get(stretch) ?? 0) + 1);
    }
    expect(Math.max(...stretches.values())).toBeLessThan(CLIENTS / 8);
    expect(stretches.get(0), 'the probes alone').toBe(3);
    expect(stretches.get(1) ?? 0, 'few at first').toBeLessThan(10);
  });
});
