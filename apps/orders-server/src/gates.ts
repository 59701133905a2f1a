import type { LoadOptions, LoadSource, LocalRateLimitOptions } from '@bp/fastify';
import { userOf } from './client.ts';
import type { Config } from './config.ts';
import type { OrderProcessor } from './orders/order-processor.ts';

/** Routes without gates: answering them costs no more than rejecting them, and they are needed most under overload. */
export const EXEMPT_ROUTES = ['/health', '/api/metrics', '/api/orders/:orderId'];

/** 429: the rate limit of the client, by `X-User-Id` or address. */
export function clientRateLimit(config: Config): LocalRateLimitOptions {
  return {
    rate: config.RATE_LIMIT_PER_SECOND,
    burst: config.RATE_LIMIT_BURST,
    maxKeys: config.RATE_LIMIT_MAX_CLIENTS,
    key: userOf,
    policy: 'orders',
  };
}

/** 503: the order queue is full, or the event loop is late. */
export function orderLoad(config: Config, processor: OrderProcessor): LoadOptions {
  return {
    sources: [orderQueue(processor)],
    maxWaitMs: config.MAX_LOOP_WAIT_MS,
    eventLoop: { maxLagMs: config.MAX_LOOP_WAIT_MS },
    maxSpreadMs: config.RETRY_SPREAD_MS,
  };
}

/** The order queue as a load source. The 202 does not wait for the queue, so only a full queue rejects. */
function orderQueue(processor: OrderProcessor): LoadSource {
  return {
    estimatedWaitMs: () => 0,
    name: 'order-queue',
    check: () => processor.check(),
  };
}
