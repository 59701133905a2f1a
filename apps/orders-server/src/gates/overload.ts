import type { PerClientRateLimiter } from '@bp/rate-limiter';
import type { OrderProcessor } from '../orders/order-processor.ts';
import { clientOf } from './rate-limit.ts';
import type { Gate, Refusals, Refuse } from './refusals.ts';

/**
 * `Retry-After` is when the backlog will have been worked off. The client gets back what the rate limit has taken: it
 * has not been served.
 */
export function overloadRefusal(
  processor: OrderProcessor,
  clients: PerClientRateLimiter,
  refusals: Refusals,
): Refuse {
  return (request, reply) => {
    clients.refund(clientOf(request));
    refusals.send('overloaded', request, reply, processor.retryAfterMs());
  };
}

/** 503 while the queue is full. */
export function overloadGate(processor: OrderProcessor, refuse: Refuse): Gate {
  return (request, reply, done) => {
    const { queued, capacity } = processor.stats();
    if (queued < capacity) done();
    else refuse(request, reply);
  };
}
