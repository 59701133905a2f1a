import { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { AdaptiveThrottle } from '../src/index.ts';

const fail = (): never => {
  throw new Error('down');
};

describe('AdaptiveThrottle', () => {
  it('rejects nobody while most calls succeed', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), random: () => 0 });
    for (let i = 0; i < 100; i++) await throttle.execute(i % 2 === 0 ? () => 1 : fail).catch(() => {});
    expect(throttle.stats()).toMatchObject({ requests: 100, accepts: 50, rejectionShare: 0 });
  });

  it('sends about k calls for each that succeeds', async () => {
    const clock = new VirtualClock();
    let draw = 0;
    const random = (): number => {
      draw = (draw + 0.618) % 1;
      return draw;
    };
    const throttle = new AdaptiveThrottle({ clock, random });
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
  });

  it('recovers when the window has passed, and counts no rejection of others', async () => {
    const clock = new VirtualClock();
    const throttle = new AdaptiveThrottle({ clock, windowMs: 1000, random: () => 0.999 });
    for (let i = 0; i < 50; i++) await throttle.execute(fail).catch(() => {});
    expect(throttle.stats().rejectionShare).toBeGreaterThan(0.9);
    clock.advanceSync(1000);
    expect(throttle.stats().rejectionShare).toBe(0);
    await throttle.execute(() => Promise.reject(new RejectedError('QUEUE_FULL', 'pool'))).catch(() => {});
    expect(throttle.stats().requests).toBe(0);
  });

  it('says when to come back', async () => {
    const throttle = new AdaptiveThrottle({ clock: new VirtualClock(), windowMs: 1000, random: () => 0 });
    for (let i = 0; i < 3; i++) await throttle.execute(fail).catch(() => {});
    await expect(throttle.execute(() => 1)).rejects.toMatchObject({
      code: 'CIRCUIT_OPEN',
      retryAfterMs: 100,
    });
  });

  it("counts the caller's own cancellation neither way, and an abort by the dependency as its failure", async () => {
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
});
