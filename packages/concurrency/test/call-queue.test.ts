import { type CallContext, isRejected, systemClock } from '@bp/core';
import { LoopBudget } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { bytesAllocated, NO_BYTES } from '../../../.config/memory.ts';
import { ConcurrencyLimiter, type Permit } from '../src/index.ts';

describe('the queue of calls', () => {
  it('does not start a call that is cancelled between the grant of its permit and the start of its work', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    const held = await limiter.acquire();
    const controller = new AbortController();
    let ran = false;
    const call = limiter.execute(
      () => {
        ran = true;
      },
      { signal: controller.signal },
    );
    const next = limiter.execute(() => 'next');
    held.release();
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(ran).toBe(false);
    await expect(next).resolves.toBe('next');
    expect(limiter.stats()).toMatchObject({ active: 0, admitted: 2, rejected: 1 });
  });

  it('keeps the reason of a cancellation as the cause, with and without maxWaitMs', async () => {
    for (const maxWaitMs of [undefined, 1_000]) {
      const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, maxWaitMs });
      const held = await limiter.acquire();
      const controller = new AbortController();
      const waiting = limiter.acquire({ signal: controller.signal });
      const reason = new Error('the caller hung up');
      controller.abort(reason);
      const rejection: unknown = await waiting.catch((error: unknown) => error);
      expect(isRejected(rejection, 'CANCELLED') && rejection.cause).toBe(reason);
      held.release();
    }
  });

  it('does not start an expired call whose timer is late', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, clock });
    const shedding = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, maxWaitMs: 50, clock });
    const held = [await limiter.acquire(), await shedding.acquire()];
    const expired = limiter.acquire({ deadline: 50 });
    const late = shedding.acquire();
    const rejected = Promise.allSettled([expired, late]);
    // The loop was blocked: time has passed, and no timer has fired.
    clock.jumpTo(60);
    for (const permit of held) permit.release();
    expect(await rejected).toMatchObject([
      { reason: { code: 'DEADLINE_EXCEEDED' } },
      { reason: { code: 'SHED' } },
    ]);
    expect([limiter.stats().active, shedding.stats().active]).toEqual([0, 0]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('settles a call once whose context ends just as it begins to wait', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5, maxWaitMs: 50, clock });
    await limiter.acquire();
    const gone = limiter.acquire({
      onDone: (listener) => {
        listener('the caller hung up');
        return () => {};
      },
    });
    await expect(gone).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(100);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 0, rejected: 1 });
  });

  it('rejects 50 000 calls that expire together', async () => {
    const clock = new VirtualClock();
    const count = 50_000;
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: count + 1, clock });
    const held = await limiter.acquire();
    const expired = Array.from({ length: count }, () => limiter.acquire({ deadline: 10 }));
    const settled = Promise.allSettled(expired);
    const last = limiter.execute(() => 'runs');
    clock.jumpTo(20);
    held.release();
    await expect(last).resolves.toBe('runs');
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
  });

  it('starts the next call when the call of high cost in front of it is cancelled', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 3, maxQueue: 5 });
    const held = await limiter.acquire({ cost: 2 });
    const controller = new AbortController();
    const heavy = limiter.acquire({ cost: 3, signal: controller.signal });
    const light = limiter.acquire();
    await new Promise<void>((resolve) => systemClock.nextTurn(resolve));
    controller.abort();
    await expect(heavy).rejects.toMatchObject({ code: 'CANCELLED' });
    (await light).release();
    held.release();
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0 });
  });

  it('starts no call because close rejected the calls in front of it', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 3, maxQueue: 5 });
    await limiter.acquire({ cost: 2 });
    const waiting = [{ cost: 3 }, { cost: 1 }, { cost: 1 }].map((ctx) => limiter.acquire(ctx));
    const settled = Promise.allSettled(waiting);
    await limiter.close({ withinMs: 0 });
    expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  });

  it('has no active permits when no call runs, whatever fractions were added', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    const permits = [0.1, 0.2].map((cost) => limiter.tryAcquire({ cost }) as Permit);
    for (const permit of permits) permit.release();
    expect(limiter.stats().active).toBe(0);
    await limiter.drain();
    expect(limiter.tryAcquire()).toBeDefined();
  });

  it('rejects a priority that is NaN', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    await expect(limiter.execute(() => 1, { priority: Number.NaN })).rejects.toThrow(RangeError);
    expect(limiter.check({ priority: Number.NaN })).toBeDefined();
    expect(limiter.tryAcquire({ priority: Number.NaN })).toBeUndefined();
  });

  it('follows the loop budget from its options', async () => {
    const clock = new VirtualClock();
    const loopBudget = new LoopBudget(clock, 20);
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 20, clock, loopBudget });
    const held = await limiter.acquire();
    let started = 0;
    for (let i = 0; i < 20; i++) {
      void limiter.execute(() => {
        started++;
        clock.jumpTo(clock.now() + 5);
      });
    }
    let afterOneTurn = 0;
    held.release();
    clock.nextTurn(() => {
      afterOneTurn = started;
    });
    await clock.advance(0);
    expect([afterOneTurn, started]).toEqual([4, 20]);
  });

  it('grants free permits one at a time, so that their calls stay within the loop budget', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 10, maxQueue: 20, clock });
    limiter.setLimit(0);
    let started = 0;
    for (let i = 0; i < 10; i++) {
      void limiter.execute(() => {
        started++;
        clock.jumpTo(clock.now() + 2);
      });
    }
    const seen: number[] = [];
    const tick = (): void => {
      seen.push(started);
      if (seen.length < 5) clock.nextTurn(tick);
    };
    clock.nextTurn(tick);
    limiter.setLimit(10);
    await clock.advance(0);
    expect(seen.slice(0, 4)).toEqual([3, 6, 9, 10]);
  });
});

describe('a rejection by tryAcquire', () => {
  it('allocates nothing', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 5 });
    await limiter.acquire();
    const ctx = { priority: 1, deadline: Number.POSITIVE_INFINITY };
    const reject = (): void => {
      limiter.tryAcquire();
      limiter.tryAcquire(ctx);
    };
    expect(bytesAllocated(reject)).toBeLessThan(NO_BYTES / 2);
  });
});

describe('a queue of calls without a context', () => {
  const callers = (limiter: ConcurrencyLimiter) => {
    const order: string[] = [];
    const call = (name: string, ...ctx: [CallContext?]): Promise<unknown> =>
      (ctx[0] === undefined
        ? limiter.execute(() => order.push(name))
        : limiter.execute(() => order.push(name), ctx[0])
      ).catch((error: unknown) => order.push(`${name} ${isRejected(error) && error.code}`));
    return { order, call };
  };

  it('keeps its order when calls of higher and lower priority enter and one is cancelled', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 10 });
    const held = await limiter.acquire();
    const { order, call } = callers(limiter);
    const controller = new AbortController();
    const calls = [
      call('a'),
      call('b'),
      call('first', { priority: 1 }),
      call('last', { priority: -1 }),
      call('gone', { signal: controller.signal }),
      call('c'),
    ];
    controller.abort();
    held.release();
    await Promise.all(calls);
    expect(order.filter((name) => !name.startsWith('gone'))).toEqual(['first', 'a', 'b', 'c', 'last']);
    expect(order).toContain('gone CANCELLED');
    const again = await limiter.acquire();
    const more = [call('d'), call('e')];
    again.release();
    await Promise.all(more);
    expect(order.slice(6)).toEqual(['d', 'e']);
  });

  it('rejects when it is full, evicts for a higher priority, and ends with close', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 3 });
    await limiter.acquire();
    const { order, call } = callers(limiter);
    const calls = [call('a'), call('b'), call('c')];
    expect([{}, { priority: 1 }, { priority: -1 }].map((ctx) => limiter.check(ctx)?.code)).toEqual([
      'QUEUE_FULL',
      undefined,
      'QUEUE_FULL',
    ]);
    await call('d');
    calls.push(call('e', { priority: 1 }));
    const saturated: boolean[] = [];
    limiter.onSaturation((now) => saturated.push(now));
    await limiter.close({ withinMs: 0 });
    await Promise.all(calls);
    expect(order.sort()).toEqual([
      'a SHUTTING_DOWN',
      'b SHUTTING_DOWN',
      'c SHED',
      'd QUEUE_FULL',
      'e SHUTTING_DOWN',
    ]);
    expect(saturated).toEqual([false]);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 0, rejected: 5 });
  });

  it('does not let a saturation listener take the permit of the next call', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 1, clock: new VirtualClock() });
    const first = await limiter.acquire();
    const seen: unknown[] = [];
    limiter.onSaturation((saturated) => {
      if (!saturated) seen.push(limiter.tryAcquire(), limiter.stats().queued);
    });
    const second = limiter.acquire();
    first.release();
    expect(seen).toEqual([undefined, 0]);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 0 });
    (await second).release();
    expect(limiter.tryAcquire(), 'no call is left in the queue').toBeDefined();
  });

  it('does not count calls that have left, whatever the reason', async () => {
    const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 2, clock: new VirtualClock() });
    const first = await limiter.acquire();
    const controller = new AbortController();
    const { order, call } = callers(limiter);
    const calls = [call('a', { signal: controller.signal }), call('b', { priority: -1 })];
    calls.push(call('c', { priority: 1 }), call('d', { priority: -2 }));
    controller.abort();
    expect(limiter.stats().queued).toBe(1);
    first.release();
    await Promise.all(calls);
    expect(order.sort()).toEqual(['a CANCELLED', 'b SHED', 'c', 'd QUEUE_FULL']);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0 });
    expect(limiter.tryAcquire(), 'no call waits').toBeDefined();
  });
});
