import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker } from '../src/index.ts';

const fail = (): never => {
  throw new Error('down');
};

describe('a closed breaker', () => {
  it('passes results and errors untouched', async () => {
    const breaker = new CircuitBreaker();
    await expect(breaker.execute(() => 1)).resolves.toBe(1);
    await expect(breaker.execute(fail)).rejects.toThrow('down');
    expect(breaker.stats()).toMatchObject({
      state: 'CLOSED',
      consecutiveFailures: 1,
      succeeded: 1,
      failed: 1,
    });
  });

  it('opens at the given number of failures in a row, not at as many in all', async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 3 });
    for (const good of [false, false, true, false, false]) {
      await breaker.execute(good ? () => 1 : fail).catch(() => {});
    }
    expect(breaker.state).toBe('CLOSED');
    await breaker.execute(fail).catch(() => {});
    expect(breaker.state).toBe('OPEN');
  });

  it('opens at a rate of failures, but not below minCalls', () => {
    const breaker = new CircuitBreaker({ failureRate: 0.5, window: { calls: 10 }, minCalls: 4 });
    const settle = (outcome: 'success' | 'failure'): void => breaker.tryAcquire()?.[outcome]();
    settle('failure');
    settle('failure');
    settle('success');
    expect(breaker.state).toBe('CLOSED');
    settle('failure');
    expect(breaker.state).toBe('OPEN');
  });

  it('opens at a rate that a success has reached', () => {
    const breaker = new CircuitBreaker({ failureRate: 0.5, window: { calls: 10 }, minCalls: 4 });
    for (const outcome of ['failure', 'failure', 'success', 'success'] as const) {
      breaker.tryAcquire()?.[outcome]();
    }
    expect(breaker.state, '2 of 4').toBe('OPEN');
  });

  it('opens at exactly the share of the window that was asked for', () => {
    for (let percent = 1; percent <= 100; percent++) {
      const failureRate = percent / 100;
      const breaker = new CircuitBreaker({ failureRate, window: { calls: 100 }, minCalls: 100 });
      for (let i = 0; i < 100; i++) breaker.tryAcquire()?.success();
      let failures = 0;
      while (breaker.state === 'CLOSED') {
        breaker.tryAcquire()?.failure();
        failures++;
      }
      expect(failures, `rate ${failureRate}`).toBe(percent);
    }
  });

  it('opens at a rate of slow calls, though they succeed', () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ slowCallRate: 1, slowCallMs: 100, minCalls: 2, clock });
    for (let i = 0; i < 2; i++) {
      const permit = breaker.tryAcquire();
      clock.advanceSync(100);
      permit?.success();
    }
    expect(breaker.state).toBe('OPEN');
  });

  it('drops the calls of its window of time little by little', () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ failureRate: 1, window: { ms: 1000 }, minCalls: 100, clock });
    for (let i = 0; i < 40; i++) {
      breaker.tryAcquire()?.failure();
      expect(breaker.stats().windowFailures, `call ${i}`).toBe(Math.min(i + 1, 5));
      clock.advanceSync(200);
    }
  });

  it('drops the calls that are older than its window of time', () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ failureRate: 0.5, window: { ms: 1000 }, minCalls: 2, clock });
    breaker.tryAcquire()?.failure();
    clock.advanceSync(1000);
    expect(breaker.stats().windowCalls).toBe(0);
    breaker.tryAcquire()?.success();
    breaker.tryAcquire()?.success();
    breaker.tryAcquire()?.failure();
    expect(breaker.state).toBe('CLOSED');
  });

  it('needs O(1) to move its window, after any uptime and any jump of time', () => {
    for (const ms of [1e-6, 1, 1e9]) {
      const clock = new VirtualClock(1000 * 86_400_000);
      const breaker = new CircuitBreaker({ failureRate: 1, window: { ms }, minCalls: 100, clock });
      for (const step of [0, 1e-6, 1, 86_400_000, 1e12]) {
        clock.jumpTo(clock.now() + step);
        breaker.tryAcquire()?.failure();
        expect(breaker.stats().windowCalls).toBeGreaterThan(0);
      }
      clock.jumpTo(0);
      breaker.tryAcquire()?.success();
      expect(breaker.state).toBe('CLOSED');
    }
  });

  it('lets classify make results failures and errors successes', async () => {
    const breaker = new CircuitBreaker({
      consecutiveFailures: 1,
      classify: (ended) =>
        'result' in ended && ended.result === 503
          ? 'failure'
          : 'error' in ended && (ended.error as Error).message === 'not found'
            ? 'success'
            : undefined,
    });
    await breaker
      .execute(() => {
        throw new Error('not found');
      })
      .catch(() => {});
    expect(breaker.state).toBe('CLOSED');
    await breaker.execute(() => 503);
    expect(breaker.state).toBe('OPEN');
  });

  it('admits every call in shadow mode, and still counts and changes state', async () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, shadow: true, clock });
    for (let i = 0; i < 5; i++) breaker.tryAcquire()?.failure();
    await expect(breaker.execute(() => 1)).resolves.toBe(1);
    expect(breaker.check()).toBeUndefined();
    expect(breaker.stats()).toMatchObject({ state: 'OPEN', admitted: 6, rejected: 0 });
    await expect(breaker.execute(() => 1, { deadline: 0 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });
});
