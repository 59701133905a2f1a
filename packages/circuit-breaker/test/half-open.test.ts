import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, type CircuitBreakerOptions, type CircuitTransition } from '../src/index.ts';

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
  it('admits its probes and rejects every other call', () => {
    const { breaker } = halfOpen();
    const probes = [1, 2, 3, 4, 5].map(() => breaker.tryAcquire());
    expect(probes.map((probe) => probe !== undefined)).toEqual([true, true, true, false, false]);
    expect(breaker.stats()).toMatchObject({ admitted: 4, active: 3, rejected: 2 });
  });

  it('closes when enough probes have succeeded, and notifies', () => {
    const { breaker } = halfOpen({ halfOpenSuccessRate: 0.6 });
    const transitions: CircuitTransition[] = [];
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

  it('needs exactly the share of successes that was asked for', () => {
    const { breaker } = halfOpen({ halfOpenProbes: 100, halfOpenSuccessRate: 0.07 });
    for (let i = 0; i < 6; i++) breaker.tryAcquire()?.success();
    expect(breaker.state).toBe('HALF_OPEN');
    breaker.tryAcquire()?.success();
    expect(breaker.state, '7 of 100').toBe('CLOSED');
  });

  it('opens again when a probe hangs', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    const hung = breaker.tryAcquire();
    clock.advanceSync(40);
    expect(breaker.state).toBe('OPEN');
    hung?.success();
    expect(breaker.state).toBe('OPEN');
  });

  it('gives each probe its own time, however long the state has lasted', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    expect(breaker.state).toBe('HALF_OPEN');
    clock.advanceSync(39);
    const first = breaker.tryAcquire();
    clock.advanceSync(39);
    const second = breaker.tryAcquire();
    first?.success();
    clock.advanceSync(39);
    expect(breaker.state, 'the second one has run for 39 ms').toBe('HALF_OPEN');
    second?.success();
    breaker.tryAcquire()?.success();
    expect(breaker.state).toBe('CLOSED');
  });

  it('counts a hung probe at the time it hung, not when the next call arrives', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    breaker.tryAcquire();
    clock.advanceSync(40 + 99);
    expect(breaker.retryAfterMs()).toBe(1);
    clock.advanceSync(1_000_000);
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('does not open because no call arrived', () => {
    const { clock, breaker } = halfOpen({ halfOpenMaxMs: 40 });
    clock.advanceSync(1000);
    expect(breaker.state).toBe('HALF_OPEN');
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('gives the place of a probe without an outcome to the next call', () => {
    const { breaker } = halfOpen({ halfOpenProbes: 1 });
    const cancelled = breaker.tryAcquire();
    expect(breaker.tryAcquire()).toBeUndefined();
    cancelled?.[Symbol.dispose]();
    expect(cancelled?.released).toBe(true);
    const next = breaker.tryAcquire();
    next?.success();
    expect(breaker.state).toBe('CLOSED');
  });
});
