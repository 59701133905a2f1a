import { isRejected, type RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions } from '../src/index.ts';

const opened = (options: CircuitBreakerOptions, error?: unknown): CircuitBreaker => {
  const breaker = new CircuitBreaker({ consecutiveFailures: 1, ...options });
  breaker.tryAcquire()?.failure(error);
  return breaker;
};

describe('an open breaker', () => {
  it('rejects at once with the exact remaining time', async () => {
    const clock = new VirtualClock();
    const breaker = opened({ openMs: 500, clock, name: 'payments' });
    clock.advanceSync(100);
    const rejection = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(rejection).toMatchObject({ code: 'CIRCUIT_OPEN', rejectedBy: 'payments', retryAfterMs: 400 });
    expect(breaker.tryAcquire()).toBeUndefined();
    clock.advanceSync(399.9);
    expect(breaker.state).toBe('OPEN');
    clock.advanceSync(0.1);
    expect(breaker.state).toBe('HALF_OPEN');
    expect(clock.pendingTimers).toBe(0);
  });

  it('makes every rejection a fresh object', async () => {
    const breaker = opened({});
    const rejections = await Promise.all(
      [1, 2].map(() => breaker.execute(() => 1).catch((error: unknown) => error)),
    );
    expect(rejections.every((rejection) => isRejected(rejection, 'CIRCUIT_OPEN'))).toBe(true);
    expect(rejections[0]).not.toBe(rejections[1]);
  });

  it('stays open longer each time it fails again, up to a bound', () => {
    const clock = new VirtualClock();
    const breaker = opened({ openMs: 100, openBackoff: 2, maxOpenMs: 300, clock });
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      const waitMs = breaker.retryAfterMs() ?? Number.NaN;
      waits.push(waitMs);
      clock.advanceSync(waitMs);
      breaker.tryAcquire()?.failure();
    }
    expect(waits).toEqual([100, 200, 300, 300]);
  });

  it('adds the jitter to its open time', () => {
    expect(
      opened({ openMs: 100, jitter: 0.5, random: () => 0.5, clock: new VirtualClock() }).retryAfterMs(),
    ).toBe(125);
  });

  it('stays open for as long as the dependency asks, or openFor computes', () => {
    const clock = new VirtualClock();
    expect(opened({ openMs: 100, clock }, { retryAfterMs: 5000 }).retryAfterMs()).toBe(5000);
    expect(opened({ openMs: 100, clock }, { retryAfterMs: 5 }).retryAfterMs()).toBe(100);
    expect(opened({ openMs: 100, maxOpenMs: 1000, clock }, { retryAfterMs: 1e12 }).retryAfterMs()).toBe(1000);
    expect(
      opened({ openFor: ({ error }) => (error === 'long' ? 900 : 100), clock }, 'long').retryAfterMs(),
    ).toBe(900);
    expect(opened({ openFor: () => Number.POSITIVE_INFINITY, maxOpenMs: 1e5, clock }).retryAfterMs()).toBe(
      1e5,
    );
  });

  it('stays open for openMs if a callback returns no time', () => {
    const clock = new VirtualClock();
    for (const nonsense of [Number.NaN, 0, -1, undefined as unknown as number]) {
      expect(opened({ openMs: 10, openFor: () => nonsense, clock }).retryAfterMs()).toBe(10);
      expect(opened({ openMs: 10, retryAfterOf: () => nonsense, clock }).retryAfterMs()).toBe(10);
      expect(opened({ openMs: 10, jitter: 1, random: () => nonsense, clock }).retryAfterMs()).toBe(10);
    }
    expect(opened({ openMs: 10, clock }, { retryAfterMs: Number.POSITIVE_INFINITY }).retryAfterMs()).toBe(10);
  });

  it('continues in another process from a snapshot', () => {
    const clock = new VirtualClock(1e6);
    const breaker = opened({ openMs: 100, clock });
    clock.advanceSync(30);
    const restored = new CircuitBreaker({ openMs: 100, clock: new VirtualClock() });
    restored.restore(JSON.parse(JSON.stringify(breaker.snapshot())));
    expect(restored.retryAfterMs()).toBe(70);
  });

  it.each([
    [{ state: 'ISOLATED', openForMs: 1, openings: 1 }, 'snapshot.state'],
    [{ state: 'OPEN', openForMs: Number.NaN, openings: 1 }, 'snapshot.openForMs'],
    [{ state: 'OPEN', openForMs: '5', openings: 1 }, 'snapshot.openForMs'],
    [{ state: 'OPEN', openForMs: 5 }, 'snapshot.openings'],
    [{ state: 'OPEN', openForMs: 5, openings: 1, openSince: 7 }, 'unknown option snapshot.openSince'],
    [null, 'snapshot'],
  ])('does not continue from %j', (snapshot, wrong) => {
    const breaker = new CircuitBreaker();
    expect(() => breaker.restore(snapshot as never)).toThrow(wrong);
    expect(breaker.state).toBe('CLOSED');
  });
});

describe('an isolated breaker', () => {
  it('stays isolated when a snapshot is restored', () => {
    const breaker = new CircuitBreaker();
    using _ = breaker.isolate();
    breaker.restore({ state: 'OPEN', openForMs: 5, openings: 1 });
    expect(breaker.state).toBe('ISOLATED');
  });

  it('rejects with an unknown wait until the last isolation ends', async () => {
    const breaker = new CircuitBreaker();
    const one = breaker.isolate();
    const other = breaker.isolate();
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    breaker.reset();
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({
      code: 'CIRCUIT_OPEN',
      retryAfterMs: undefined,
    });
    other[Symbol.dispose]();
    await expect(breaker.execute(() => 1)).resolves.toBe(1);
  });
});

describe('check() and onRejected', () => {
  it('check() returns the rejection of execute, without counting or notifying', async () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, openMs: 500, clock, name: 'payments' });
    expect(breaker.check()).toBeUndefined();
    breaker.tryAcquire()?.failure();
    const notified: unknown[] = [];
    const stop = breaker.onRejected((rejection) => notified.push(rejection));
    const checked = breaker.check();
    expect(breaker.stats().rejected).toBe(0);
    expect(notified).toEqual([]);
    const rejection = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(rejection).toMatchObject({ code: 'CIRCUIT_OPEN', rejectedBy: 'payments', retryAfterMs: 500 });
    expect(checked).toMatchObject({ code: 'CIRCUIT_OPEN', rejectedBy: 'payments', retryAfterMs: 500 });
    expect(breaker.tryAcquire()).toBeUndefined();
    expect(notified).toHaveLength(2);
    expect(notified[0]).toBe(rejection);
    stop();
    breaker.tryAcquire();
    expect(notified).toHaveLength(2);
    expect(breaker.stats().rejected).toBe(3);
  });

  it('a call that is over is rejected and counted, with every method', async () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ clock });
    const notified: RejectedError[] = [];
    breaker.onRejected((rejection) => notified.push(rejection));
    const cancelled = { signal: AbortSignal.abort('user left') };
    expect(breaker.check({ deadline: 0 })?.code).toBe('DEADLINE_EXCEEDED');
    expect(breaker.tryAcquire({ deadline: 0 })).toBeUndefined();
    await expect(breaker.execute(() => 1, cancelled)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(notified.map(({ code }) => code)).toEqual(['DEADLINE_EXCEEDED', 'CANCELLED']);
    expect(breaker.stats()).toMatchObject({ admitted: 0, rejected: 2 });
  });

  it('a wrong argument is a rejection of the promise that names it', async () => {
    const breaker = new CircuitBreaker({ clock: new VirtualClock() });
    await expect(breaker.execute(() => 1, { deadline: Number.NaN })).rejects.toThrow(RangeError);
    await expect(breaker.execute(() => 1, { deadline: 1e15 })).rejects.toThrow(/deadline/);
    expect(breaker.tryAcquire({ deadline: Number.NaN })).toBeUndefined();
    await expect(breaker.execute('no function' as never)).rejects.toThrow(/fn must be a function/);
    expect(breaker.stats(), 'no failure of the dependency').toMatchObject({ failed: 0, active: 0 });
  });
});
