import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions, type Transition } from '../src/index.ts';

function halfOpen(options: CircuitBreakerOptions = {}): { clock: VirtualClock; breaker: CircuitBreaker } {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker({
    consecutiveFailures: 1,
    openMs: 100,
    halfOpenProbes: 3,
    clock,
    ...options,
  });
  breaker.tryAcquire()?.failure();
  clock.advanceSync(100);
  return { clock, breaker };
}

describe('a half-open breaker', () => {
  it('lets its probes through and nobody else, who is told how long they may take', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    const probes = [1, 2, 3, 4, 5].map(() => breaker.tryAcquire());
    expect(probes.map((probe) => probe !== undefined)).toEqual([true, true, true, false, false]);
    clock.advanceSync(10);
    expect(breaker.retryAfterMs()).toBe(30);
  });

  it('closes when enough probes have succeeded, and tells', () => {
    const { breaker } = halfOpen({ halfOpenSuccessRate: 0.6 });
    const transitions: Transition[] = [];
    const stop = breaker.onTransition((transition) => transitions.push(transition));
    const [one, other] = [breaker.tryAcquire(), breaker.tryAcquire()];
    one?.success();
    expect(breaker.state).toBe('HALF_OPEN');
    other?.success();
    expect(breaker.state).toBe('CLOSED');
    stop();
    breaker.tryAcquire()?.failure();
    expect(transitions.map(({ from, to }) => `${from}-${to}`)).toEqual([
      'OPEN-HALF_OPEN',
      'HALF_OPEN-CLOSED',
    ]);
  });

  it('opens as soon as enough successes are out of reach', () => {
    const { breaker } = halfOpen({ halfOpenSuccessRate: 0.6 });
    const probes = [breaker.tryAcquire(), breaker.tryAcquire()];
    probes[0]?.failure();
    expect(breaker.state).toBe('HALF_OPEN');
    probes[1]?.failure();
    expect(breaker.state).toBe('OPEN');
  });

  it('opens again when a probe hangs, and does not wait for ever', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    const hung = breaker.tryAcquire();
    clock.advanceSync(40);
    expect(breaker.state).toBe('OPEN');
    hung?.success();
    expect(breaker.state).toBe('OPEN');
  });

  it('does not open because nobody came', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    clock.advanceSync(1000);
    expect(breaker.state).toBe('HALF_OPEN');
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('gives the place of a probe that says nothing to the next', () => {
    const { breaker } = halfOpen({ halfOpenProbes: 1 });
    const cancelled = breaker.tryAcquire();
    expect(breaker.tryAcquire()).toBeUndefined();
    cancelled?.[Symbol.dispose]();
    const next = breaker.tryAcquire();
    next?.success();
    expect(breaker.state).toBe('CLOSED');
  });
});
