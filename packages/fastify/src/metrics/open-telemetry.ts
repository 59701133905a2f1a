import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { BackpressureStats } from '../stats.ts';

/** The part of a `Meter` of @opentelemetry/api that the export uses. */
export interface OpenTelemetryMeter {
  createObservableCounter(name: string, options?: object): object;
  createObservableUpDownCounter(name: string, options?: object): object;
  createObservableGauge(name: string, options?: object): object;
  addBatchObservableCallback(callback: never, observables: never[]): void;
  removeBatchObservableCallback(callback: never, observables: never[]): void;
}

/**
 * Creates instruments that read `stats` when they are observed. Names and attributes follow the semantic conventions for rate
 * limiting (`aspnetcore.rate_limiting.*`) and for the event loop (`nodejs.*`). Returns a function that stops them.
 */
export function exportToOpenTelemetry(given: OpenTelemetryMeter, stats: () => BackpressureStats): () => void {
  const meter = given as Meter;
  const requests = meter.createObservableCounter('backpressure.requests', {
    description: 'Requests, admitted by every gate, or rejected, by gate.',
    unit: '{request}',
  });
  const disconnected = meter.createObservableCounter('backpressure.disconnected_requests', {
    description: 'Requests whose client left before the response.',
    unit: '{request}',
  });
  const active = meter.createObservableUpDownCounter('backpressure.active_requests', {
    description: 'Requests admitted and not yet answered.',
    unit: '{request}',
  });
  const queued = meter.createObservableUpDownCounter('backpressure.queued_requests', {
    description: 'Requests whose handler waits for a turn of the event loop.',
    unit: '{request}',
  });
  const utilization = meter.createObservableGauge('backpressure.utilization', {
    description: 'Load as a share of the limit of the least important requests.',
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
    for (const [gate, count] of Object.entries(now.rejected)) {
      result.observe(requests, count, { 'backpressure.result': 'rejected', 'backpressure.gate': gate });
    }
    result.observe(disconnected, now.disconnected);
    result.observe(active, now.active);
    result.observe(queued, now.queued);
    result.observe(utilization, now.pressure);
    result.observe(loopDelay, now.eventLoopLagMs / 1000);
    result.observe(loopUtilization, now.eventLoopUtilization);
  };
  const all: Observable[] = [requests, disconnected, active, queued, utilization, loopDelay, loopUtilization];
  meter.addBatchObservableCallback(observe, all);
  return () => meter.removeBatchObservableCallback(observe, all);
}
