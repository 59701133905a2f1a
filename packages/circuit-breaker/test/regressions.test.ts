import { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { CircuitBreaker, KeyedCircuitBreakers } from '../src/index.ts';

/** Defects of other breakers, each as a sentence that must hold here. */
describe('defects of other breakers', () => {
  const setup = (): { clock: VirtualClock; breaker: CircuitBreaker } => {
    const clock = new VirtualClock();
    return {
      clock,
      breaker: new CircuitBreaker({
        consecutiveFailures: 2,
        openMs: 100,
        halfOpenProbes: 1,
        halfOpenMaxMs: 50,
        clock,
      }),
    };
  };
  const trip = (breaker: CircuitBreaker): void => {
    for (let i = 0; i < 2; i++) breaker.tryAcquire()?.failure();
  };

  it('cockatiel: a failure of a call from before the trip does not re-open a half-open breaker', () => {
    const { clock, breaker } = setup();
    const early = breaker.tryAcquire();
    trip(breaker);
    clock.advanceSync(100);
    expect(breaker.state).toBe('HALF_OPEN');
    early?.failure();
    expect(breaker.state).toBe('HALF_OPEN');
  });

  it('opossum: a success of a call from before the trip does not close a half-open breaker', () => {
    const { clock, breaker } = setup();
    const early = breaker.tryAcquire();
    trip(breaker);
    clock.advanceSync(100);
    expect(breaker.state).toBe('HALF_OPEN');
    early?.success();
    expect(breaker.state).toBe('HALF_OPEN');
  });

  it('@fastify/circuit-breaker: a late success does not close an open breaker', () => {
    const { breaker } = setup();
    const early = breaker.tryAcquire();
    trip(breaker);
    early?.success();
    expect(breaker.state).toBe('OPEN');
  });

  it('opossum, cockatiel: capacity rejections inside the breaker do not trip it', async () => {
    const { breaker } = setup();
    for (let i = 0; i < 10; i++) {
      await breaker
        .execute(() => Promise.reject(new RejectedError('CONCURRENCY_LIMIT', 'bulkhead')))
        .catch(() => {});
    }
    expect(breaker.state).toBe('CLOSED');
  });

  it('opossum, OmniRoute: a probe that never settles does not hold HALF_OPEN for ever', () => {
    const { clock, breaker } = setup();
    trip(breaker);
    clock.advanceSync(100);
    breaker.tryAcquire();
    clock.advanceSync(50);
    expect(breaker.state).toBe('OPEN');
    clock.advanceSync(100);
    breaker.tryAcquire()?.success();
    expect(breaker.state).toBe('CLOSED');
  });

  it('cockatiel: a call does not wait for the outcome of a probe', async () => {
    const { clock, breaker } = setup();
    trip(breaker);
    clock.advanceSync(100);
    breaker.tryAcquire();
    await expect(breaker.execute(() => 1)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
  });

  it('Polly: a cancelled probe neither closes the breaker nor keeps its place', async () => {
    const { clock, breaker } = setup();
    trip(breaker);
    clock.advanceSync(100);
    await breaker.execute(() => Promise.reject(new RejectedError('CANCELLED', 'caller'))).catch(() => {});
    expect(breaker.state).toBe('HALF_OPEN');
    expect(breaker.tryAcquire()).toBeDefined();
  });

  it('opossum: an idle breaker has no timer', () => {
    const { clock, breaker } = setup();
    trip(breaker);
    expect(clock.pendingTimers).toBe(0);
  });

  it('opossum: a breaker restored from a snapshot counts from the call of restore, not from its construction', () => {
    const { clock, breaker } = setup();
    trip(breaker);
    const snapshot = breaker.snapshot();
    const other = new CircuitBreaker({ openMs: 100, clock });
    clock.advanceSync(70);
    other.restore(snapshot);
    expect(other.retryAfterMs()).toBe(100);
  });

  it('@fastify/circuit-breaker: at the bound of keys no open breaker is dropped', () => {
    const clock = new VirtualClock();
    const breakers = new KeyedCircuitBreakers({ consecutiveFailures: 1, maxKeys: 3, clock });
    breakers.get('down').tryAcquire()?.failure();
    for (let i = 0; i < 100; i++) breakers.get(`host-${i}`).tryAcquire()?.success();
    expect(breakers.size).toBe(3);
    expect(breakers.get('down').state).toBe('OPEN');
  });
});
