import type { OrderProcessor } from '../orders/order-processor.ts';
import type { Gate, Refusals } from './refusals.ts';

/** 503 while the queue is full; `Retry-After` is when its backlog will have been worked off. */
export function overloadGate(processor: OrderProcessor, refusals: Refusals): Gate {
  return (request, reply, done) => {
    const { queued, capacity } = processor.stats();
    if (queued < capacity) return done();
    refusals.send('overloaded', request, reply, processor.retryAfterMs());
  };
}
