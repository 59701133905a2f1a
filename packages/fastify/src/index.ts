export type { DeadlineOptions } from './gates/deadline-options.ts';
export type { EventLoopOptions } from './gates/load/event-loop-options.ts';
export type { LoadOptions, RouteLoadOptions } from './gates/load/load-options.ts';
export type { LoadSource } from './gates/load/load-source.ts';
export type { LoopTime } from './gates/load/loop-monitor.ts';
export type { OverloadChange } from './gates/load/overload-monitor.ts';
export type { KeyFunction } from './gates/rate-limit/client-keys.ts';
export type {
  ClientOptions,
  LocalRateLimitOptions,
  RateLimitFieldsMode,
  RateLimitOptions,
  SharedRateLimiter,
  SharedRateLimitOptions,
} from './gates/rate-limit/rate-limit-options.ts';
export type { ShutdownOptions } from './gates/shutdown-gate.ts';
export type { OpenTelemetryMeter } from './metrics/open-telemetry.ts';
export type { PrometheusRegistry } from './metrics/prometheus.ts';
export type { BackpressureOptions, MetricsOptions } from './options.ts';
export { type Backpressure, backpressure } from './plugin.ts';
export type { RequestRejection } from './rejection/rejection-sender.ts';
export type { RouteBackpressureOptions } from './routes.ts';
export type { BackpressureStats, GateName, RejectedCounts } from './stats.ts';
export type { TierOptions } from './tiers.ts';
