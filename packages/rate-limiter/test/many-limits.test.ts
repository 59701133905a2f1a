import { settle, VirtualClock } from '@bp/core/testing';
import { expect, it } from 'vitest';
import { AllOf, PerClientRateLimiter, TokenBucket } from '../src/index.ts';

/** A budget that counts how often it is asked for a wait. */
class Counted extends TokenBucket {
  asked = 0;

  override retryAfterMs(...args: Parameters<TokenBucket['retryAfterMs']>): number {
    this.asked++;
    return super.retryAfterMs(...args);
  }
}

/** As many clients as `count`, each with one call that waits for an `AllOf` over its limit and a shared one. */
function waiting(count: number) {
  const clock = new VirtualClock();
  const shared = new Counted({ rate: 1, burst: count, clock });
  const users = new PerClientRateLimiter({ rate: 1000, parent: shared, clock });
  shared.tryAcquire({ cost: count });
  let admitted = 0;
  for (let i = 0; i < count; i++) {
    const limiter = new AllOf({ limits: [users.client(`user ${i}`)], clock });
    limiter.acquire().then(() => admitted++);
  }
  shared.asked = 0;
  return { clock, shared, admitted: () => admitted };
}

it('many refunds in one turn serve the calls that wait for each AllOf once', async () => {
  const count = 500;
  const { shared, admitted } = waiting(count);
  for (let i = 0; i < count; i++) shared.refund();
  await settle();
  expect(admitted()).toBe(count);
  expect(shared.asked).toBeLessThan(10 * count);
});

it('many cancellations in one turn serve the calls that wait for each AllOf once', async () => {
  const count = 500;
  const { clock, shared, admitted } = waiting(count);
  const controller = new AbortController();
  for (let i = 0; i < count; i++) shared.acquire({ signal: controller.signal }).catch(() => {});
  shared.asked = 0;
  controller.abort();
  await settle();
  // Nothing came back yet.
  expect(admitted()).toBe(0);
  expect(shared.asked).toBeLessThan(10 * count);
  await clock.advance(1000 * count);
  expect(admitted()).toBe(count);
});
