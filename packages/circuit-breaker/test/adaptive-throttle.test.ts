import { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AdaptiveThrottle } from '../src/index.ts';

const fail = (): never => {
  throw new Error('down');
};

/** Returns numbers that are spread evenly between 0 and 1. */
function evenly(): () => number {
  let draw = 0;
  return () => {
    draw = (draw + 0.618) % 1;
    return draw;
  };
}

describe('AdaptiveThrottle', () => {
  it('rejects no call while most calls succeed', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: () => 0 });
    for (let i = 0; i < 100; i++) await throttle.execute(i % 2 === 0 ? () => 1 : fail).catch(() => {});
    expect(throttle.stats()).toMatchObject({ requests: 100, accepts: 50, rejectionShare: 0, rejected: 0 });
  });

  it('sends about k calls for each that succeeds', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: evenly() });
    let sent = 0;
    let accepted = 0;
    for (let i = 0; i < 5000; i++) {
      await throttle
        .execute(() => {
          sent++;
          if (i % 10 !== 0) fail();
          accepted++;
        })
        .catch(() => {});
    }
    expect(sent / accepted).toBeGreaterThan(1.5);
    expect(sent).toBeLessThan(0.45 * 5000);
    expect(throttle.stats()).toMatchObject({ admitted: sent, rejected: 5000 - sent });
  });

  it('recovers when the window has passed, and counts no rejection by other primitives', async () => {
    const clock = new VirtualClock();
    const throttle = new AdaptiveThrottle({ clock, windowMs: 1000, random: () => 0.999 });
    for (let i = 0; i < 50; i++) await throttle.execute(fail).catch(() => {});
    expect(throttle.stats().rejectionShare).toBeGreaterThan(0.9);
    clock.advanceSync(1000);
    expect(throttle.stats().rejectionShare).toBe(0);
    await throttle.execute(() => Promise.reject(new RejectedError('QUEUE_FULL', 'pool'))).catch(() => {});
    expect(throttle.stats().requests).toBe(0);
  });

  it('gives a retryAfterMs in proportion to the share it rejects, spread evenly', async () => {
    const draws = [0, 0.3, 0.74];
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: () => draws.shift() ?? 0 });
    for (let i = 0; i < 3; i++) await throttle.execute(fail).catch(() => {});
    // The share is 3 of 4 and changes with each rejected call.
    const waits: number[] = [];
    for (let i = 0; i < 3; i++) {
      const rejection = await throttle.execute(() => 1).catch((error: RejectedError) => error);
      waits.push((rejection as RejectedError).retryAfterMs ?? Number.NaN);
    }
    for (const [i, retryAfterMs] of waits.entries()) {
      const share = (3 + i) / (4 + i);
      expect(retryAfterMs).toBeGreaterThanOrEqual(1000 * share);
      expect(retryAfterMs).toBeLessThan(2000 * share);
    }
  });

  it('returns from check() the rejection with which execute rejects', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: evenly() });
    const notified: unknown[] = [];
    throttle.onRejected((rejection) => notified.push(rejection));
    for (let i = 0; i < 100; i++) {
      const checked = throttle.check();
      const ended = await throttle.execute(fail).catch((error: unknown) => error);
      if (checked === undefined) expect(ended).toMatchObject({ message: 'down' });
      else expect(ended).toMatchObject({ code: checked.code, retryAfterMs: checked.retryAfterMs });
    }
    expect(notified).toHaveLength(throttle.stats().rejected);
    expect(notified.length).toBeGreaterThan(50);
  });

  it("ignores the caller's own cancellation and counts an abort by the dependency", async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: () => 0.999 });
    const controller = new AbortController();
    const aborted = (): never => {
      throw new DOMException('aborted', 'AbortError');
    };
    const cancelled = throttle.execute(() => {
      controller.abort();
      return aborted();
    }, controller);
    await expect(cancelled).rejects.toThrow('aborted');
    expect(throttle.stats()).toMatchObject({ requests: 0 });
    await expect(throttle.execute(aborted)).rejects.toThrow('aborted');
    expect(throttle.stats()).toMatchObject({ requests: 1, accepts: 0 });
  });

  it('rejects a call that is over, and a deadline that is none with a RangeError', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock() });
    await expect(throttle.execute(() => 1, { deadline: 0 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await expect(throttle.execute(() => 1, { deadline: Number.NaN })).rejects.toThrow(RangeError);
    expect(throttle.stats()).toMatchObject({ requests: 0, rejected: 1 });
  });

  it('recovers within two seconds and three service times, whatever happened before', async () => {
    const history = fc.array(
      fc.record({
        calls: fc.integer({ min: 1, max: 200 }),
        pauseMs: fc.integer({ min: 0, max: 5000 }),
        tookMs: fc.integer({ min: 0, max: 2000 }),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(history, fc.constantFrom(1, 50, 300, 1000), async (phases, serviceMs) => {
        const clock = new VirtualClock();
        const throttle = new AdaptiveThrottle({ clock, random: evenly() });
        const take = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(resolve, ms));
        const call = (ms: number, fails: boolean) =>
          throttle
            .execute(async () => {
              await take(ms);
              if (fails) fail();
            })
            .catch(() => {});
        for (const { calls, pauseMs, tookMs } of phases) {
          for (let i = 0; i < calls; i++) void call(tookMs, true);
          await clock.advance(pauseMs);
        }
        // The dependency has recovered; 200 calls a second arrive.
        const recoveredAt = clock.now();
        while (clock.now() < recoveredAt + Math.max(2000, 3 * serviceMs)) {
          void call(serviceMs, false);
          await clock.advance(5);
        }
        expect(throttle.stats().rejectionShare).toBe(0);
        expect(throttle.check()).toBeUndefined();
      }),
      // A call of the history that began at the moment of recovery and failed late.
      {
        numRuns: 20,
        examples: [
          [
            [
              { calls: 1, pauseMs: 0, tookMs: 0 },
              { calls: 2, pauseMs: 0, tookMs: 1856 },
            ],
            1000,
          ],
        ],
      },
    );
  });
});
