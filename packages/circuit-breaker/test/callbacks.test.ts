import { VirtualClock } from '@bp/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions } from '../src/index.ts';

const broken = (): never => {
  throw new Error('a bug in a callback');
};

describe('a callback that throws', () => {
  const surfaced: unknown[] = [];
  const onUncaught = (error: unknown): void => void surfaced.push(error);
  let others: NodeJS.UncaughtExceptionListener[] = [];

  beforeEach(() => {
    surfaced.length = 0;
    others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', onUncaught);
  });
  afterEach(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of others) process.on('uncaughtException', listener);
  });

  function build(options: CircuitBreakerOptions) {
    const clock = new VirtualClock();
    const breaker = new CircuitBreaker({ consecutiveFailures: 1, openMs: 1000, clock, ...options });
    return { clock, breaker };
  }
  const uncaught = async (): Promise<number> => {
    await new Promise((resolve) => setImmediate(resolve));
    return surfaced.length;
  };

  it('classify: the caller gets its own result or error, and the default holds', async () => {
    const { breaker } = build({ classify: broken });
    await expect(breaker.execute(() => 'result')).resolves.toBe('result');
    expect(breaker.stats()).toMatchObject({ succeeded: 1, state: 'CLOSED' });
    const failure = new Error('down');
    await expect(breaker.execute(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(breaker.stats()).toMatchObject({ failed: 1, state: 'OPEN' });
    expect(await uncaught()).toBe(2);
  });

  it('classify: its probe ends', async () => {
    let isBroken = false;
    const classify = (): undefined => (isBroken ? broken() : undefined);
    const { clock, breaker } = build({ classify, halfOpenProbes: 1 });
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    clock.advanceSync(1000);
    isBroken = true;
    await expect(breaker.execute(() => 'probe')).resolves.toBe('probe');
    expect(breaker.state).toBe('CLOSED');
    expect(await uncaught()).toBe(1);
  });

  it('openFor: the breaker opens for openMs', async () => {
    const { breaker } = build({ openFor: broken });
    const failure = new Error('down');
    await expect(breaker.execute(() => Promise.reject(failure))).rejects.toBe(failure);
    expect(breaker.retryAfterMs()).toBe(1000);
    expect(await uncaught()).toBe(1);
  });

  it('random: the breaker opens without jitter', async () => {
    const { breaker } = build({ random: broken, jitter: 1 });
    breaker.tryAcquire()?.failure(new Error('down'));
    expect(breaker.retryAfterMs()).toBe(1000);
    expect(await uncaught()).toBe(1);
  });

  it('retryAfterOf: the breaker opens for openMs', async () => {
    const { breaker } = build({ retryAfterOf: broken });
    breaker.tryAcquire()?.failure(new Error('down'));
    expect(breaker.retryAfterMs()).toBe(1000);
    expect(await uncaught()).toBe(1);
  });
});

describe('a thenable that fn returns', () => {
  it('may settle once, settle twice or throw', async () => {
    const breaker = new CircuitBreaker({ consecutiveFailures: 5 });
    const thenable = (then: (resolve: (value: string) => void) => void): Promise<string> =>
      ({ then }) as Promise<string>;
    await expect(breaker.execute(() => thenable((resolve) => resolve('once')))).resolves.toBe('once');
    const twice = thenable((resolve) => {
      resolve('first');
      resolve('second');
    });
    await expect(breaker.execute(() => twice)).resolves.toBe('first');
    const throwing = thenable(() => {
      throw new Error('no promise');
    });
    await expect(breaker.execute(() => throwing)).rejects.toThrow('no promise');
    const tooLate = thenable((resolve) => {
      resolve('decided');
      throw new Error('too late');
    });
    await expect(breaker.execute(() => tooLate)).resolves.toBe('decided');
    expect(breaker.stats()).toMatchObject({ admitted: 4, succeeded: 3, failed: 1 });
  });
});
