import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions } from '../src/index.ts';

const opened = (options: CircuitBreakerOptions, error?: unknown): CircuitBreaker => {
  const breaker = new CircuitBreaker({ consecutiveFailures: 1, ...options });
  breaker.tryAcquire()?.failure(error);
  return breaker;
};

describe('an open breaker', () => {
  it('rejects at once and says exactly when to come back', async () => {
    const clock = new VirtualClock();
    const breaker = opened({ openMs: 500, clock, name: 'payments' });
    clock.advanceSync(100);
    const rejection = await breaker.execute(() => 1).catch((error: unknown) => error);
    expect(rejection).toMatchObject({ code: 'CIRCUIT_OPEN', limiter: 'payments', retryAfterMs: 400 });
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
      waits.push(breaker.retryAfterMs());
      clock.advanceSync(breaker.retryAfterMs());
      breaker.tryAcquire()?.failure();
    }
    expect(waits).toEqual([100, 200, 300, 300]);
  });

  it('spreads its return by the jitter', () => {
    expect(
      opened({ openMs: 100, jitter: 0.5, random: () => 0.5, clock: new VirtualClock() }).retryAfterMs(),
    ).toBe(125);
  });

  it('stays open for as long as the dependency asked, or as a function of the failure says', () => {
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

  it('stays open for the usual time if a function answers no time', () => {
    const clock = new VirtualClock();
    for (const nonsense of [Number.NaN, 0, -1, undefined as unknown as number]) {
      expect(opened({ openMs: 10, openFor: () => nonsense, clock }).retryAfterMs()).toBe(10);
      expect(opened({ openMs: 10, retryAfterOf: () => nonsense, clock }).retryAfterMs()).toBe(10);
    }
  });

  it('goes on in another process where it stopped in this', () => {
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
    [null, 'options'],
  ])('does not go on from %j', (snapshot, wrong) => {
    const breaker = new CircuitBreaker();
    expect(() => breaker.restore(snapshot as never)).toThrow(wrong);
    expect(breaker.state).toBe('CLOSED');
  });
});

describe('an isolated breaker', () => {
  it('stays isolated whatever is restored', () => {
    const breaker = new CircuitBreaker();
    using _ = breaker.isolate();
    breaker.restore({ state: 'OPEN', openForMs: 5, openings: 1 });
    expect(breaker.state).toBe('ISOLATED');
  });

  it('rejects until the last isolation ends, without a time to come back', async () => {
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
