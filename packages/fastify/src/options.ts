import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkNonNegative,
  checkOptions,
  checkPositive,
  MAX_ESTIMATE_MS,
  optionNames,
} from '@bp/core/kit';
import type { FastifyRequest } from 'fastify';
import {
  type DeadlineOptions,
  type ResolvedDeadlineOptions,
  resolveDeadlineOptions,
} from './gates/deadline-options.ts';
import { type LoadOptions, type ResolvedLoadOptions, resolveLoadOptions } from './gates/load/load-options.ts';
import type { SourceErrorListener } from './gates/load/load-source.ts';
import type { RateLimitOptions } from './gates/rate-limit/rate-limit-options.ts';
import type { OpenTelemetryMeter } from './metrics/open-telemetry.ts';
import type { PrometheusRegistry } from './metrics/prometheus.ts';
import { resolveTierPriorities, type TierOptions } from './tiers.ts';

/** Where metrics are exported to. Both may be given. */
export interface MetricsOptions {
  /** A registry of prom-client, which must be installed. Default: none. */
  readonly registry?: PrometheusRegistry | undefined;
  /** A meter of OpenTelemetry's metrics API. Default: none. */
  readonly meter?: OpenTelemetryMeter | undefined;
}

/** Options of the plugin. A gate exists only if its option is given. */
export interface BackpressureOptions {
  /** The limit of each client: 429. Default: none. */
  readonly rateLimit?: RateLimitOptions | undefined;
  /** When the server is too busy: 503. Default: never. */
  readonly load?: LoadOptions | undefined;
  /** How deadlines of clients are read: 504, or 503 if only the estimated wait is too long. Default: not read. */
  readonly deadline?: DeadlineOptions | undefined;
  /** Groups of clients by name. Default: none. */
  readonly tiers?: Readonly<Record<string, TierOptions>> | undefined;
  /**
   * Returns the tier of a request; undefined, or a name that is not in `tiers`, for none. It must be fast and synchronous, and must
   * not trust unverified claims of clients. Any other result, and an error, fails the request with 500. Needs `tiers`. Default: no
   * client has a tier.
   */
  readonly tierOf?: ((request: FastifyRequest) => string | undefined) | undefined;
  /** URLs of routes, as registered, without gates. A URL that is not registered fails the start. Default: none. */
  readonly exempt?: readonly string[] | undefined;
  /** Whether a `RejectedError` that a route throws is answered with 429, 503 or 504. Default: true. */
  readonly mapErrors?: boolean | undefined;
  /** The share of the wait (0 to 1) that is added to `Retry-After` at random. Default: 0.2. */
  readonly jitter?: number | undefined;
  /** Milliseconds (> 0) that `Retry-After` says for an unknown wait, rounded up to seconds. Default: 10 000. */
  readonly unknownRetryAfterMs?: number | undefined;
  /**
   * The most milliseconds (> 0) that `Retry-After` says for an estimated wait, before jitter. Waits for a rate
   * limit, a shutdown and an open circuit are not cut. Default: 300 000.
   */
  readonly maxEstimateMs?: number | undefined;
  /**
   * Bytes (>= 0) of a rejected request's body that are read and dropped to keep its connection. With a larger body, or one of unknown
   * length, the connection is closed. Default: 65 536.
   */
  readonly maxUnreadBodyBytes?: number | undefined;
  /**
   * The most milliseconds (>= 0) for which `app.close()` continues to accept connections and to answer 503, until no connection
   * is left in the accept queue of the kernel: closing earlier would reset them. Default: 1000.
   */
  readonly closeGraceMs?: number | undefined;
  /**
   * Whether each rejection is logged at level `info`, else at `debug`. Default: true, unless Fastify's `disableRequestLogging` is
   * set. Set it to false with a `LogController` that disables request logging: the plugin cannot see it.
   */
  readonly logRejections?: boolean | undefined;
  /** Where metrics are exported to. Default: nowhere. */
  readonly metrics?: MetricsOptions | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Random numbers from 0 to below 1, for jitter. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** {@link BackpressureOptions} with defaults; limits are checked where they are made. */
export interface ResolvedBackpressureOptions {
  readonly rateLimit: RateLimitOptions | undefined;
  readonly load: ResolvedLoadOptions | undefined;
  readonly deadline: ResolvedDeadlineOptions | undefined;
  readonly tiers: Readonly<Record<string, TierOptions>>;
  readonly tierPriorities: ReadonlyMap<string, number>;
  readonly tierOf: ((request: FastifyRequest) => string | undefined) | undefined;
  readonly exempt: ReadonlySet<string>;
  readonly mapErrors: boolean;
  readonly jitter: number;
  readonly unknownRetryAfterMs: number;
  readonly maxEstimateMs: number;
  readonly maxUnreadBodyBytes: number;
  readonly closeGraceMs: number;
  /** Undefined for Fastify's setting. */
  readonly logRejections: boolean | undefined;
  readonly metrics: MetricsOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onSourceError: SourceErrorListener;
}

const OPTIONS = optionNames<BackpressureOptions>({
  rateLimit: true,
  load: true,
  deadline: true,
  tiers: true,
  tierOf: true,
  exempt: true,
  mapErrors: true,
  jitter: true,
  unknownRetryAfterMs: true,
  maxEstimateMs: true,
  maxUnreadBodyBytes: true,
  closeGraceMs: true,
  logRejections: true,
  metrics: true,
  clock: true,
  random: true,
});
const METRICS_OPTIONS = optionNames<MetricsOptions>({ registry: true, meter: true });

const DEFAULT_JITTER = 0.2;
const DEFAULT_UNKNOWN_RETRY_AFTER_MS = 10_000;
const DEFAULT_MAX_UNREAD_BODY_BYTES = 65_536;
const DEFAULT_CLOSE_GRACE_MS = 1000;

/**
 * Checks the options of the plugin.
 * @param onSourceError - called with the first wrong answer of each load source.
 * @throws TypeError or RangeError naming the first wrong option.
 */
export function resolveOptions(
  options: BackpressureOptions,
  onSourceError: SourceErrorListener = () => {},
): ResolvedBackpressureOptions {
  const {
    rateLimit,
    load,
    deadline,
    tiers = {},
    tierOf,
    exempt = [],
    mapErrors = true,
    jitter = DEFAULT_JITTER,
    unknownRetryAfterMs = DEFAULT_UNKNOWN_RETRY_AFTER_MS,
    maxEstimateMs = MAX_ESTIMATE_MS,
    maxUnreadBodyBytes = DEFAULT_MAX_UNREAD_BODY_BYTES,
    closeGraceMs = DEFAULT_CLOSE_GRACE_MS,
    logRejections,
    metrics = {},
    clock = systemClock,
    random = Math.random,
  } = checkOptions(options, OPTIONS);
  const tierPriorities = resolveTierPriorities(tiers);
  if (tierOf !== undefined) {
    checkFunction('tierOf', tierOf);
    if (tierPriorities.size === 0) throw new TypeError('tiers must be given with tierOf, got none');
  }
  return {
    rateLimit,
    load: load === undefined ? undefined : resolveLoadOptions(load, onSourceError),
    deadline: deadline === undefined ? undefined : resolveDeadlineOptions('deadline', deadline),
    tiers,
    tierPriorities,
    tierOf,
    exempt: checkExempt(exempt),
    mapErrors: checkBoolean('mapErrors', mapErrors),
    jitter: checkBetween('jitter', jitter, 0, 1),
    unknownRetryAfterMs: checkPositive('unknownRetryAfterMs', unknownRetryAfterMs),
    maxEstimateMs: checkPositive('maxEstimateMs', maxEstimateMs),
    maxUnreadBodyBytes: checkInteger('maxUnreadBodyBytes', maxUnreadBodyBytes, 0),
    closeGraceMs: checkNonNegative('closeGraceMs', closeGraceMs),
    logRejections: logRejections === undefined ? undefined : checkBoolean('logRejections', logRejections),
    metrics: checkOptions(metrics, METRICS_OPTIONS, 'metrics'),
    clock: checkClock('clock', clock),
    random: checkFunction('random', random),
    onSourceError,
  };
}

function checkExempt(exempt: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(exempt) || !exempt.every((url) => typeof url === 'string' && url.startsWith('/'))) {
    throw new TypeError('exempt must be an array of URLs that begin with a slash');
  }
  return new Set(exempt);
}
