import type { BackpressureStats } from '../stats.ts';

/** The part of a prom-client registry that the export uses. */
export interface PrometheusRegistry {
  registerMetric(metric: never): void;
  removeSingleMetric(name: string): void;
}

/** The common part of all metrics. */
interface Metric {
  readonly name: string;
  readonly help: string;
  readonly read: (stats: BackpressureStats) => number;
}

interface GaugeMetric extends Metric {
  /** How the values of the processes of a cluster are combined. */
  readonly aggregator: 'sum' | 'max' | 'average';
}

const REJECTED = 'backpressure_requests_rejected_total';

const counters: readonly Metric[] = [
  {
    name: 'backpressure_requests_admitted_total',
    help: 'Requests that passed every gate.',
    read: (stats) => stats.admitted,
  },
  {
    name: 'backpressure_requests_disconnected_total',
    help: 'Requests whose client left before the response.',
    read: (stats) => stats.disconnected,
  },
];

const gauges: readonly GaugeMetric[] = [
  {
    name: 'backpressure_requests_active',
    help: 'Requests admitted and not yet answered.',
    aggregator: 'sum',
    read: (stats) => stats.active,
  },
  {
    name: 'backpressure_requests_queued',
    help: 'Requests whose handler waits for a turn of the event loop.',
    aggregator: 'sum',
    read: (stats) => stats.queued,
  },
  {
    name: 'backpressure_pressure_ratio',
    help: 'Load as a share of the limit of the least important requests.',
    aggregator: 'max',
    read: (stats) => stats.pressure,
  },
  {
    name: 'backpressure_event_loop_lag_seconds',
    help: 'Least lag of the event loop in the last interval.',
    aggregator: 'max',
    read: (stats) => stats.eventLoopLagMs / 1000,
  },
  {
    name: 'backpressure_event_loop_utilization_ratio',
    help: 'Share of the last interval in which the event loop was busy.',
    aggregator: 'average',
    read: (stats) => stats.eventLoopUtilization,
  },
];

/** Registers metrics that read `stats` when they are collected. Returns a function that removes them. */
export async function exportToPrometheus(
  registry: PrometheusRegistry,
  stats: () => BackpressureStats,
): Promise<() => void> {
  const { Counter, Gauge } = await import('prom-client');
  const registers = [registry as never];

  for (const { read, ...metric } of counters) {
    new Counter({
      ...metric,
      registers,
      collect() {
        this.reset();
        this.inc(read(stats()));
      },
    });
  }
  for (const { read, ...metric } of gauges) {
    new Gauge({
      ...metric,
      registers,
      collect() {
        this.set(read(stats()));
      },
    });
  }
  new Counter({
    name: REJECTED,
    help: 'Requests answered with 429, 503 or 504, by gate.',
    labelNames: ['gate'],
    registers,
    collect() {
      this.reset();
      for (const [gate, count] of Object.entries(stats().rejected)) this.inc({ gate }, count);
    },
  });
  return () => {
    for (const { name } of [...counters, ...gauges, { name: REJECTED }]) registry.removeSingleMetric(name);
  };
}
