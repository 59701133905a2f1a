import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { BackpressureStats } from '../stats.ts';

/** A `Meter` of @opentelemetry/api, as far as it is needed. */
export interface OpenTelemetryMeter {
  createObservableCounter(name: string, options?: object): object;
  createObservableUpDownCounter(name: string, options?: object): object;
  createObservableGauge(name: string, options?: object): object;
  addBatchObservableCallback(callback: never, observables: never[]): void;
  removeBatchObservableCallback(callback: never, observables: never[]): void;
}

/**
 * Creates instruments that read `stats` when they are observed: names and attributes after the semantic conventions
 * for rate limiting (`aspnetcore.rate_limiting.*`, the stable ones there are) and for the event loop (`nodejs.*`).
 * Returns what stops them.
 */
export function exportToOpenTelemetry(given: OpenTelemetryMeter, stats: () => BackpressureStats): () => void {
  const meter = given as Meter;
  const requests = meter.createObservableCounter('backpressure.requests', {
    description: 'Requests, by whether they passed every gate, and if not by what rejected them.',
    unit: '{request}',
  });
  const disconnected = meter.createObservableCounter('backpressure.disconnected_requests', {
    description: 'Requests whose client left before it was answered.',
    unit: '{request}',
  });
  const active = meter.createObservableUpDownCounter('backpressure.active_requests', {
    description: 'Requests admitted and not yet answered.',
    unit: '{request}',
  });
  const queued = meter.createObservableUpDownCounter('backpressure.queued_requests', {
    description: 'Requests whose handler waits for its turn of the event loop.',
    unit: '{request}',
  });
  const utilization = meter.createObservableGauge('backpressure.utilization', {
    description: 'Load as a share of what the least important requests may meet.',
    unit: '1',
  });
  const loopDelay = meter.createObservableGauge('nodejs.eventloop.delay.min', {
    description: 'Event loop minimum delay.',
    unit: 's',
  });
  const loopUtilization = meter.createObservableGauge('nodejs.eventloop.utilization', {
    description: 'Event loop utilization.',
    unit: '1',
  });

  const observe = (result: BatchObservableResult): void => {
    const now = stats();
    result.observe(requests, now.admitted, { 'backpressure.result': 'admitted' });
    for (const [reason, count] of Object.entries(now.rejected)) {
      result.observe(requests, count, { 'backpressure.result': 'rejected', 'backpressure.reason': reason });
    }
    result.observe(disconnected, now.disconnected);
    result.observe(active, now.active);
    result.observe(queued, now.waiting);
    result.observe(utilization, now.pressure);
    result.observe(loopDelay, now.eventLoopLagMs / 1000);
    result.observe(loopUtilization, now.eventLoopUtilization);
  };
  const all: Observable[] = [requests, disconnected, active, queued, utilization, loopDelay, loopUtilization];
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
