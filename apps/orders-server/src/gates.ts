import type { Clock } from '@bp/core';
import type { BackpressureOptions, LoadSource } from '@bp/fastify';
import type { FastifyRequest } from 'fastify';
import type { Config } from './config.ts';
import type { OrderProcessor } from './orders/order-processor.ts';

const USER_ID = /^[\w.@:-]{1,64}$/;

/** The `X-User-Id` of a request if it is one: else the request counts for its address. */
export function userOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const userId = headers['x-user-id'];
  return typeof userId === 'string' && USER_ID.test(userId) ? userId : undefined;
}

/**
 * The queue of orders as the load gate sees it. An order is answered as soon as it is queued, so it waits for nothing,
 * however long the queue is; only a full queue rejects, until the backlog is worked off.
 */
function queueOf(processor: OrderProcessor): LoadSource {
  return {
    estimatedWaitMs: () => 0,
    check: () => {
      const { queued, capacity } = processor.stats();
      return queued < capacity;
    },
    retryAfterMs: () => processor.retryAfterMs(),
  };
}

/** What {@link gates} stand on. */
export interface GatesDeps {
  readonly processor: OrderProcessor;
  readonly clock: Clock;
  readonly random: () => number;
}

/** What every new order passes before its body is read: leaving (503), rate limit (429), load (503). */
export function gates(config: Config, { processor, clock, random }: GatesDeps): BackpressureOptions {
  return {
    rateLimit: {
      rate: config.RATE_LIMIT_PER_SECOND,
      burst: config.RATE_LIMIT_BURST,
      maxKeys: config.RATE_LIMIT_MAX_CLIENTS,
      key: userOf,
      policy: 'orders',
    },
    load: {
      sources: [queueOf(processor)],
      maxWaitMs: config.MAX_LOOP_WAIT_MS,
      eventLoop: { maxLagMs: config.MAX_LOOP_WAIT_MS },
      maxSpreadMs: config.RETRY_SPREAD_MS,
    },
    // Reading costs no more than rejecting to, and how the server is doing is asked most when it is doing badly.
    exempt: ['/health', '/api/metrics', '/api/orders/:orderId'],
    // A client's next order is due when it is due; only those who are rejected for load would all return at once.
    jitter: 0,
    maxUnreadBodyBytes: config.BODY_LIMIT_BYTES,
    clock,
    random,
  };
}
