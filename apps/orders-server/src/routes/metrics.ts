import type { CircuitBreaker } from '@bp/circuit-breaker';
import type { ConcurrencyLimiter } from '@bp/concurrency';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { OrderProcessor } from '../orders/order-processor.ts';
import { allowOnly } from './errors.ts';

const metrics = Type.Object({
  queueSize: Type.Integer(),
  queueFull: Type.Boolean(),
  activeConcurrency: Type.Integer(),
  queuedConcurrency: Type.Integer(),
  circuitBreakerState: Type.String(),
  circuitBreakerFailures: Type.Integer(),
});

/** The objects that the metrics are read from. */
export interface MetricsSources {
  readonly processor: OrderProcessor;
  readonly limiter: ConcurrencyLimiter;
  readonly breaker: CircuitBreaker;
}

/** Adds `GET /api/metrics`, a snapshot of queue, permits and breaker. */
export function metricsRoute(app: FastifyInstance, { processor, limiter, breaker }: MetricsSources): void {
  app.get('/api/metrics', { schema: { response: { 200: metrics } } }, () => {
    const { queued, capacity } = processor.stats();
    const concurrency = limiter.stats();
    return {
      queueSize: queued,
      queueFull: queued >= capacity,
      activeConcurrency: concurrency.active,
      queuedConcurrency: concurrency.queued,
      circuitBreakerState: breaker.state,
      circuitBreakerFailures: breaker.stats().consecutiveFailures,
    };
  });
  allowOnly(app, '/api/metrics', ['GET', 'HEAD']);
}
