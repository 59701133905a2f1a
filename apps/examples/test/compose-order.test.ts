import { CircuitBreaker, type CircuitBreakerOptions } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { compose, isRejected, type RejectionCode } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';

/** Why `compose` recommends the breaker next to the dependency, behind the concurrency limiter. */
type Order = 'breaker inside' | 'breaker outside';

const LIMIT = 10;

/** Sends `calls` calls at once through limiter and breaker to a dependency that takes `workMs`. */
async function simulate(
  order: Order,
  calls: number,
  workMs: number,
  isHealthy: boolean,
  options: CircuitBreakerOptions,
) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: LIMIT, maxQueue: 1000, clock });
  const breaker = new CircuitBreaker({ ...options, clock });
  const policy = order === 'breaker inside' ? compose(limiter, breaker) : compose(breaker, limiter);
  let reached = 0;
  let openedAt: number | undefined;
  breaker.onTransition(({ to }) => {
    if (to === 'OPEN') openedAt ??= clock.now();
  });
  let reachedAfterOpening = 0;
  const work = async (): Promise<void> => {
    reached++;
    if (openedAt !== undefined) reachedAfterOpening++;
    await new Promise<void>((resolve) => clock.setTimer(resolve, workMs));
    if (!isHealthy) throw new Error('down');
  };
  const ends: Partial<Record<RejectionCode | 'served' | 'failed', number>> = {};
  let lastEnd = 0;
  const sent = Array.from({ length: calls }, async () => {
    const end = await policy.execute(work).then(
      () => 'served' as const,
      (error: unknown) => (isRejected(error) ? error.code : ('failed' as const)),
    );
    ends[end] = (ends[end] ?? 0) + 1;
    lastEnd = clock.now();
  });
  await clock.advance(60_000);
  await Promise.all(sent);
  return { reached, reachedAfterOpening, ends, lastEnd, state: breaker.state };
}

describe('60 calls arrive while a dependency is down and fails each call after 500 ms', () => {
  const FAILURES = 5;
  const outage = (order: Order) =>
    simulate(order, 60, 500, false, { consecutiveFailures: FAILURES, openMs: 120_000 });
  /** The calls that start before the circuit opens: one for each permit, and one for each permit that a failure frees. */
  const EARLY = LIMIT + FAILURES - 1;

  it('inside: queued calls are rejected as soon as the circuit opens', async () => {
    const { reached, reachedAfterOpening, ends, lastEnd } = await outage('breaker inside');
    expect(reached).toBe(EARLY);
    expect(reachedAfterOpening).toBe(0);
    expect(ends).toEqual({ failed: EARLY, CIRCUIT_OPEN: 60 - EARLY });
    expect(lastEnd).toBe(1000);
  });

  it('outside: queued calls still reach the dependency, long after the circuit has opened', async () => {
    const { reached, reachedAfterOpening, ends, lastEnd } = await outage('breaker outside');
    expect(reached).toBe(60);
    // The limiter frees a permit before the breaker outside it counts the failure.
    expect(reachedAfterOpening).toBe(60 - LIMIT - FAILURES);
    expect(ends).toEqual({ failed: 60 });
    expect(lastEnd).toBe(3000);
  });
});

describe('200 calls arrive at once for a healthy dependency that takes 50 ms', () => {
  const burst = (order: Order) =>
    simulate(order, 200, 50, true, { slowCallRate: 0.5, slowCallMs: 200, minCalls: 20, openMs: 120_000 });

  it('inside: the breaker measures the dependency, and every call is served', async () => {
    const { ends, state } = await burst('breaker inside');
    expect(ends).toEqual({ served: 200 });
    expect(state).toBe('CLOSED');
  });

  it('outside: the breaker measures the queue too, and opens though the dependency is fast', async () => {
    const { state } = await burst('breaker outside');
    expect(state).toBe('OPEN');
  });
});
