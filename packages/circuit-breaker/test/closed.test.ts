import { RejectedError } from '@bp/core';
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
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', failures: 1, succeeded: 1, failed: 1 });
  });

  it('opens at so many failures in a row, not at as many in all', async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 3 });
    for (const good of [false, false, true, false, false]) {
      await breaker.execute(good ? () => 1 : fail).catch(() => {});
    }
    expect(breaker.state).toBe('CLOSED');
    await breaker.execute(fail).catch(() => {});
    expect(breaker.state).toBe('OPEN');
  });

  it('opens at a rate of failures, but not before so many calls', () => {
    const breaker = new CircuitBreaker({ failureRate: 0.5, window: { calls: 10 }, minCalls: 4 });
    const settle = (outcome: 'success' | 'failure'): void => breaker.tryAcquire()?.[outcome]();
    settle('failure');
    settle('failure');
    settle('success');
    expect(breaker.state).toBe('CLOSED');
    settle('failure');
    expect(breaker.state).toBe('OPEN');
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

  it('forgets its window of time little by little, for as long as it goes on', () => {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ failureRate: 1, window: { ms: 1000 }, minCalls: 100, clock });
    for (let i = 0; i < 40; i++) {
      breaker.tryAcquire()?.failure();
      expect(breaker.stats().windowFailures, `call ${i}`).toBe(Math.min(i + 1, 5));
      clock.advanceSync(200);
    }
  });

  it('forgets what is older than its window of time', () => {
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

  it('lets results be failures and errors be none', async () => {
    const breaker = new CircuitBreaker({
      consecutiveFailures: 1,
      classify: (settled) =>
        'result' in settled && settled.result === 503
          ? 'failure'
          : 'error' in settled && (settled.error as Error).message === 'not found'
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

  it('ignores rejections by other primitives and cancelled calls, and counts a deadline that passed while it worked', async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 1 });
    const throws = (error: unknown, ctx = {}): Promise<void> =>
      breaker.execute(() => Promise.reject(error), ctx).catch(() => {});
    const controller = new AbortController();
    await throws(new RejectedError('CONCURRENCY_LIMIT', 'inner'));
    await throws(new RejectedError('DEADLINE_EXCEEDED', 'inner'));
    const running = breaker.execute(
      () =>
        new Promise((_, reject) =>
          controller.signal.addEventListener('abort', () => reject(controller.signal.reason)),
        ),
      { signal: controller.signal },
    );
    controller.abort();
    await running.catch(() => {});
    expect(breaker.stats()).toMatchObject({ state: 'CLOSED', ignored: 3, failed: 0 });
    await throws(new RejectedError('DEADLINE_EXCEEDED', 'request-context', { workBegan: true }));
    expect(breaker.state).toBe('OPEN');
  });

  it.each<[string, unknown, Record<string, unknown>]>([
    ['the reason of its own that a caller aborts with', new Error('user left'), { ignored: 1, failed: 0 }],
    ['a reason that is no error', 'user left', { ignored: 1, failed: 0 }],
    ['the time of a signal', new DOMException('late', 'TimeoutError'), { ignored: 0, failed: 1 }],
  ])('knows %s', async (_what, reason, counted) => {
    const breaker = new CircuitBreaker();
    const controller = new AbortController();
    const call = breaker.execute(async () => {
      controller.abort(reason);
      controller.signal.throwIfAborted();
    }, controller);
    await expect(call).rejects.toBe(reason);
    expect(breaker.stats()).toMatchObject(counted);
  });

  it('counts an error that only meets with an abort as a failure', async () => {
    const breaker = new CircuitBreaker();
    const controller = new AbortController();
    const call = breaker.execute(async () => {
      controller.abort();
      throw new Error('down');
    }, controller);
    await expect(call).rejects.toThrow('down');
    expect(breaker.stats()).toMatchObject({ failed: 1, ignored: 0 });
  });

  it('only counts when it is there for the metrics', () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, shadow: true });
    for (let i = 0; i < 5; i++) breaker.tryAcquire()?.failure();
    expect(breaker.stats()).toMatchObject({ state: 'OPEN', admitted: 5, rejected: 0 });
  });
});
