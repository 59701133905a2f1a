import type { Timer, TimerOptions } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

/** A clock that knows how many pending timers keep the process alive. */
class CountingClock extends VirtualClock {
  keepAlive = 0;

  override setTimer(callback: () => void, delayMs: number, options?: TimerOptions): Timer {
    if (options?.keepAlive === false) return super.setTimer(callback, delayMs);
    this.keepAlive++;
    let pending = true;
    const end = (): void => {
      if (pending) this.keepAlive--;
      pending = false;
    };
    const timer = super.setTimer(() => {
      end();
      callback();
    }, delayMs);
    return {
      cancel: () => {
        end();
        timer.cancel();
      },
    };
  }
}

describe('the process', () => {
  it.each(['close', 'drain'] as const)('is kept alive by %s until it has settled', async (method) => {
    for (const options of [undefined, { withinMs: 50 }]) {
      const clock = new CountingClock();
      const limiter = new ConcurrencyLimiter({ limit: 1, clock });
      const held = await limiter.acquire();
      const ended = limiter[method](options).catch(() => {});
      await clock.advance(0);
      expect(clock.keepAlive, 'while it waits').toBeGreaterThan(0);
      if (options === undefined) held.release();
      await clock.advance(50);
      await ended;
      expect(clock.keepAlive, 'after it has settled').toBe(0);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('is not kept alive by deadlines and maxWaitMs of waiting calls, nor by ready', async () => {
    const clock = new CountingClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, maxWaitMs: 100, clock });
    await limiter.acquire();
    const waiting = [limiter.acquire({ deadline: 50 }), limiter.ready({ deadline: 50, cost: 1 })];
    const settled = Promise.allSettled(waiting);
    expect(clock.keepAlive).toBe(0);
    await clock.advance(200);
    await settled;
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([
    [{ deadline: 10 }, 'unknown option deadline'],
    [{ withinMs: -1 }, 'withinMs must be a number of at least 0'],
    [{ withinMs: Number.NaN }, 'withinMs must be a number of at least 0'],
    [{ signal: {} }, 'signal must be an AbortSignal'],
    [5, 'options must be an object'],
  ])('is not asked to wait for nonsense: %j', async (options, message) => {
    const limiter = new ConcurrencyLimiter({ limit: 1 });
    await expect(limiter.drain(options as never)).rejects.toThrow(message);
    await expect(limiter.close(options as never)).rejects.toThrow(message);
    await expect(limiter.execute(() => 'it did not begin to close')).resolves.toBe(
      'it did not begin to close',
    );
  });

  it('ends close and drain early with their signal', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 1 });
    await limiter.acquire();
    const waiting = limiter.acquire().catch((error: unknown) => error);
    const controller = new AbortController();
    const drained = limiter.drain({ signal: controller.signal }).catch((error: unknown) => error);
    const closed = limiter.close({ signal: controller.signal });
    controller.abort();
    await closed;
    expect(await drained).toMatchObject({ code: 'CANCELLED' });
    expect(await waiting).toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
