export type { DeadlineOptions } from './gates/deadline.ts';
export type {
  EventLoopOptions,
  LoadOptions,
  LoadSource,
  RouteLoadOptions,
} from './gates/load-options.ts';
export type {
  ClientOptions,
  LocalRateLimitOptions,
  RateLimitFieldsMode,
  RateLimitOptions,
  SharedRateLimiter,
  SharedRateLimitOptions,
} from './gates/rate-limit-options.ts';
export type { LoopTime } from './loop-monitor.ts';
export type { OpenTelemetryMeter } from './metrics/open-telemetry.ts';
export type { PrometheusRegistry } from './metrics/prometheus.ts';
export type { BackpressureOptions, MetricsOptions } from './options.ts';
export type { OverloadChange } from './overload.ts';
export { type Backpressure, backpressure } from './plugin.ts';
export type { RouteBackpressureOptions } from './routes.ts';
export type { BackpressureStats, RejectedCounts } from './stats.ts';
export type { TierOptions } from './tiers.ts';
