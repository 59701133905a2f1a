import { metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { Registry } from 'prom-client';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { OpenTelemetryMeter, PrometheusRegistry } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

/** Two requests admitted, one of them active; one rejected by its limit, two by load. */
async function busy(options: object) {
  const source = new FakeSource();
  const { app } = await build({
    rateLimit: { rate: 1, burst: 1, key: ({ headers }) => headers['x-user-id'] as string },
    load: { sources: [source] },
    metrics: options,
  });
  let finish: (() => void) | undefined;
  app.get('/', () => 'ok');
  app.get('/slow', () => new Promise<string>((resolve) => (finish = () => resolve('done'))));
  const send = (id: string, url = '/') => app.inject({ url, headers: { 'x-user-id': id } });
  await send('ada');
  await send('ada');
  const slow = send('bob', '/slow');
  await new Promise(setImmediate);
  source.waitMs = 200;
  await send('cleo');
  await send('cleo');
  return {
    app,
    finish: async () => {
      finish?.();
      await slow;
    },
  };
}

describe('metrics for Prometheus', () => {
  it('are read when they are collected, and removed when the server closes', async () => {
    const registry = new Registry();
    expectTypeOf(registry).toExtend<PrometheusRegistry>();
    const { app, finish } = await busy({ registry });
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toEqual([
      'backpressure_requests_admitted_total 2',
      'backpressure_requests_disconnected_total 0',
      'backpressure_requests_active 1',
      'backpressure_requests_queued 0',
      'backpressure_pressure_ratio 2',
      'backpressure_event_loop_lag_seconds 0',
      'backpressure_event_loop_utilization_ratio 0',
      'backpressure_requests_rejected_total{gate="shutdown"} 0',
      'backpressure_requests_rejected_total{gate="deadline"} 0',
      'backpressure_requests_rejected_total{gate="rate_limit"} 1',
      'backpressure_requests_rejected_total{gate="load"} 2',
      'backpressure_requests_rejected_total{gate="cancelled"} 0',
      'backpressure_requests_rejected_total{gate="handler"} 0',
    ]);
    await finish();
    expect(await registry.metrics()).toContain('backpressure_requests_active 0');
    await app.close();
    expect(await registry.metrics()).toBe('\n');
  });
});

describe('metrics for OpenTelemetry', () => {
  it('are observed by name, unit and attributes of low cardinality, until the server closes', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 });
    const provider = new MeterProvider({ readers: [reader] });
    const meter = provider.getMeter('test');
    expectTypeOf(meter).toExtend<OpenTelemetryMeter>();
    const { app, finish } = await busy({ meter });

    const collect = async () => {
      const { resourceMetrics } = await reader.collect();
      return resourceMetrics.scopeMetrics
        .flatMap((scope) => scope.metrics)
        .flatMap(({ descriptor: { name, unit }, dataPoints }) =>
          dataPoints.map(({ value, attributes }) => [name, unit, value, Object.values(attributes).join()]),
        );
    };
    const seen = await collect();
    expect(seen).toEqual([
      ['backpressure.requests', '{request}', 2, 'admitted'],
      ['backpressure.requests', '{request}', 0, 'rejected,shutdown'],
      ['backpressure.requests', '{request}', 0, 'rejected,deadline'],
      ['backpressure.requests', '{request}', 1, 'rejected,rate_limit'],
      ['backpressure.requests', '{request}', 2, 'rejected,load'],
      ['backpressure.requests', '{request}', 0, 'rejected,cancelled'],
      ['backpressure.requests', '{request}', 0, 'rejected,handler'],
      ['backpressure.disconnected_requests', '{request}', 0, ''],
      ['backpressure.active_requests', '{request}', 1, ''],
      ['backpressure.queued_requests', '{request}', 0, ''],
      ['backpressure.utilization', '1', 2, ''],
      ['nodejs.eventloop.delay.min', 's', 0, ''],
      ['nodejs.eventloop.utilization', '1', 0, ''],
    ]);
    await finish();
    await app.close();
    expect(await collect(), 'the last values, read before it was closed').toEqual(seen);
    await provider.shutdown();
  });

  it('cost nothing where no provider is set up', async () => {
    const { app } = await build({ metrics: { meter: metrics.getMeter('none') } });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).statusCode).toBe(200);
  });
});
