import { isRejected } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter, type ConcurrencyLimiterOptions, type Permit } from '../src/index.ts';

function setup(options: Partial<ConcurrencyLimiterOptions> = {}) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 2, maxQueue: 3, clock, ...options });
  const log: string[] = [];
  /** A call that runs for `ms` and notes when it starts and how it ends. */
  const call = (name: string, ms: number, ctx = {}): Promise<void> =>
    limiter
      .execute(async () => {
        log.push(`${name} starts at ${clock.now()}`);
        await new Promise<void>((resolve) => clock.setTimer(resolve, ms));
      }, ctx)
      .then(
        () => {},
        (error: unknown) => {
          log.push(isRejected(error) ? `${name} ${error.code} at ${clock.now()}` : `${name} ${error}`);
        },
      );
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.setTimer(resolve, ms));
  return { clock, limiter, log, call, sleep };
}

describe('ConcurrencyLimiter', () => {
  it('runs calls up to the limit, queues some in order, and rejects the rest', async () => {
    const { clock, limiter, log, call } = setup();
    const calls = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => call(name, 10));
    expect(limiter.stats()).toMatchObject({ active: 2, queued: 3, admitted: 2 });
    await clock.advance(30);
    await Promise.all(calls);
    expect(log).toEqual([
      'a starts at 0',
      'b starts at 0',
      'f QUEUE_FULL at 0',
      'c starts at 10',
      'd starts at 10',
      'e starts at 20',
    ]);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0, admitted: 5, rejected: 1, serviceMs: 10 });
  });

  it('rejects at once without a queue, with the time until the backlog is served', async () => {
    const { clock, limiter, call } = setup({ maxQueue: 0 });
    void call('first', 100);
    await clock.advance(100);
    void call('a', 1000);
    void call('b', 1000);
    expect(limiter.tryAcquire()).toBeUndefined();
    await expect(limiter.acquire()).rejects.toMatchObject({
      code: 'CONCURRENCY_LIMIT',
      rejectedBy: 'concurrency-limiter',
      retryAfterMs: 50,
    });
    await clock.advance(1000);
  });

  it('estimates from the age of the oldest running call before any call has ended', async () => {
    const { clock, limiter, call } = setup({ maxQueue: 0 });
    void call('a', 1000);
    void call('b', 1000);
    await clock.advance(80);
    expect(limiter.retryAfterMs()).toBe(40);
    await clock.advance(1000);
  });

  it('starts higher priorities first, and evicts the lowest one when the queue is full', async () => {
    const { clock, log, call } = setup({ limit: 1, maxQueue: 2 });
    const calls = [
      call('a', 10),
      call('low', 10),
      call('mid', 10, { priority: 1 }),
      call('high', 10, { priority: 2 }),
    ];
    await clock.advance(40);
    await Promise.all(calls);
    expect(log).toEqual(['a starts at 0', 'low SHED at 0', 'high starts at 10', 'mid starts at 20']);
  });

  it('frees the place of a cancelled call at once, and never starts it', async () => {
    const { clock, limiter, log, call } = setup({ limit: 1, maxQueue: 2 });
    const controller = new AbortController();
    void call('a', 100);
    void call('cancelled', 10, { signal: controller.signal });
    void call('expires', 10, { deadline: 140 });
    await clock.advance(50);
    controller.abort();
    expect(limiter.stats().queued).toBe(1);
    await clock.advance(95);
    expect(limiter.stats().queued).toBe(0);
    expect(log).toEqual(['a starts at 0', 'cancelled CANCELLED at 50', 'expires starts at 100']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects a call on arrival that cannot be done before its deadline, and admits one that can', async () => {
    const { clock, limiter, log, call } = setup({ limit: 1 });
    void call('first', 100);
    await clock.advance(100);
    void call('running', 100);
    // Waits 100 and works 100.
    void call('too late', 1, { deadline: clock.now() + 199 });
    void call('in time', 1, { deadline: clock.now() + 200 });
    expect(limiter.check({ deadline: clock.now() + 150 })).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await clock.advance(200);
    expect(log.slice(2)).toEqual(['too late DEADLINE_EXCEEDED at 100', 'in time starts at 200']);
  });

  it('rejects a call on arrival that would wait longer than maxWaitMs, and sheds one that does', async () => {
    const { clock, log, call } = setup({ limit: 1, maxWaitMs: 150 });
    void call('first', 100);
    await clock.advance(100);
    void call('hangs', 10_000);
    void call('waits', 1);
    void call('too many', 1);
    await clock.advance(150);
    expect(log.slice(2)).toEqual(['too many CONCURRENCY_LIMIT at 100', 'waits SHED at 250']);
    await clock.advance(10_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not let calls of low cost overtake a call of high cost', async () => {
    const { clock, log, call } = setup({ limit: 3 });
    const calls = [call('a', 10, { cost: 2 }), call('heavy', 10, { cost: 3 }), call('light', 10)];
    await clock.advance(40);
    await Promise.all(calls);
    expect(log).toEqual(['a starts at 0', 'heavy starts at 10', 'light starts at 20']);
  });

  it('rejects a cost above the limit with a RangeError', async () => {
    const { limiter } = setup();
    await expect(limiter.acquire({ cost: 3 })).rejects.toThrow(
      'cost must be above 0 and at most limit = 2, got 3 (number)',
    );
    await expect(limiter.execute(() => 1, { cost: Number.NaN })).rejects.toThrow(RangeError);
    expect(limiter.tryAcquire({ cost: 0 })).toBeUndefined();
    expect(limiter.check({ cost: 3 })?.retryAfterMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('follows a changed limit without interrupting calls', async () => {
    const { clock, limiter, log, call } = setup();
    void ['a', 'b', 'c', 'd'].map((name) => call(name, 100));
    limiter.setLimit(3);
    expect(limiter.stats()).toMatchObject({ active: 3, queued: 1 });
    limiter.setLimit(0);
    await clock.advance(100);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 1 });
    limiter.setLimit(1);
    await clock.advance(100);
    expect(log.at(-1)).toBe('d starts at 100');
    expect(() => limiter.setLimit(-1)).toThrow(/limit must be an integer of at least 0/);
  });

  it('passes the context to the function, and its result or error to the caller', async () => {
    const { limiter } = setup();
    const ctx = { priority: 3 };
    await expect(limiter.execute((given) => given, ctx)).resolves.toBe(ctx);
    await expect(limiter.execute((given?: unknown) => given)).resolves.toBe(EMPTY_CONTEXT);
    const failure = new Error('own');
    await expect(
      limiter.execute(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(limiter.stats().active).toBe(0);
  });

  it('releases a permit once, also at the end of a using block', async () => {
    const { limiter } = setup();
    const permit = await limiter.acquire();
    permit.release();
    permit.release();
    expect(limiter.stats().active).toBe(0);
    {
      using held = limiter.tryAcquire() as Permit;
      expect([held !== undefined, limiter.stats().active]).toEqual([true, 1]);
    }
    expect(limiter.stats().active).toBe(0);
  });

  it('notifies when its queue is full and when it is back to half', async () => {
    const { clock, limiter, call } = setup({ limit: 1, maxQueue: 2 });
    const notified: boolean[] = [];
    limiter.onSaturation((saturated) => notified.push(saturated));
    void ['a', 'b', 'c'].map((name) => call(name, 10));
    await clock.advance(30);
    expect(notified).toEqual([true, false]);
  });

  it('drain resolves when nothing runs or waits, and rejects after withinMs', async () => {
    const { clock, limiter, call } = setup();
    await limiter.drain();
    void ['a', 'b', 'c'].map((name) => call(name, 10));
    const impatient = limiter.drain({ withinMs: 5 });
    impatient.catch(() => {});
    let drainedAt = -1;
    void limiter.drain().then(() => {
      drainedAt = clock.now();
    });
    await clock.advance(40);
    await expect(impatient).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(drainedAt).toBe(20);
  });

  it('settles the last call before drain', async () => {
    const { clock, limiter, sleep } = setup();
    const seen: string[] = [];
    void limiter.execute(() => sleep(10)).then(() => seen.push('call'));
    void limiter.drain().then(() => seen.push('idle'));
    await clock.advance(10);
    expect(seen).toEqual(['call', 'idle']);
  });

  it('ends an unbounded close with a later bounded one', async () => {
    const { clock, limiter, sleep } = setup({ limit: 1 });
    void limiter.execute(() => sleep(1000));
    const waiting = limiter.acquire();
    waiting.catch(() => {});
    const closed = Promise.all([limiter.close(), limiter.close({ withinMs: 20 })]);
    let closedAt = -1;
    void closed.then(() => {
      closedAt = clock.now();
    });
    await clock.advance(1000);
    expect(closedAt).toBe(20);
    await expect(waiting).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('close admits no call, lets others finish within withinMs, and rejects the calls that still wait', async () => {
    const { clock, limiter, log, call } = setup({ limit: 1 });
    void call('runs', 100);
    void call('waits', 10);
    const closed = limiter.close({ withinMs: 50 });
    void call('late', 10);
    await expect(limiter.acquire()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(50);
    await closed;
    await limiter.close({ withinMs: 0 });
    expect(log).toEqual(['runs starts at 0', 'late SHUTTING_DOWN at 0', 'waits SHUTTING_DOWN at 50']);
    await clock.advance(50);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0 });
    expect(clock.pendingTimers).toBe(0);
  });
});
