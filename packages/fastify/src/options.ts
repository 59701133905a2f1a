import { type Clock, systemClock } from '@bp/core';
import {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkOptions,
} from '@bp/core/kit';
import type { FastifyRequest } from 'fastify';
import {
  type DeadlineOptions,
  type ResolvedDeadlineOptions,
  resolveDeadlineOptions,
} from './gates/deadline.ts';
import { type LoadOptions, type ResolvedLoadOptions, resolveLoadOptions } from './gates/load-options.ts';
import type { RateLimitOptions } from './gates/rate-limit-options.ts';
import type { OpenTelemetryMeter } from './metrics/open-telemetry.ts';
import type { PrometheusRegistry } from './metrics/prometheus.ts';
import { resolveTierPriorities, type TierOptions } from './tiers.ts';

/** Where metrics go. Both may be given. */
export interface MetricsOptions {
  /** A registry of prom-client, which must then be installed. Default: none. */
  readonly registry?: PrometheusRegistry | undefined;
  /** A meter of OpenTelemetry's metrics API. Default: none. */
  readonly meter?: OpenTelemetryMeter | undefined;
}

/** Options of the plugin. A gate that is not mentioned is not there. */
export interface BackpressureOptions {
  /** How much one client may send: 429. Default: not limited. */
  readonly rateLimit?: RateLimitOptions | undefined;
  /** When the server is too busy: 503. Default: never. */
  readonly load?: LoadOptions | undefined;
  /** How deadlines of clients are read: 504, or 503 if it is the wait that makes it hopeless. Default: not read. */
  readonly deadline?: DeadlineOptions | undefined;
  /** Groups of clients by name. Default: none. */
  readonly tiers?: Readonly<Record<string, TierOptions>> | undefined;
  /**
   * The tier of a request; undefined, or a name that is not in `tiers`, for none. Must be quick and must not throw, and
   * must not believe what clients say of themselves. Needs `tiers`. Default: nobody is in a tier.
   */
  readonly tierOf?: ((request: FastifyRequest) => string | undefined) | undefined;
  /** URLs of routes, as registered, that no gate stands before. One that does not exist fails the start. Default: none. */
  readonly exempt?: readonly string[] | undefined;
  /** Whether a `RejectedError` that a route throws is answered with 429, 503 or 504. Default: true. */
  readonly mapErrors?: boolean | undefined;
  /** The share of its wait (0 to 1) by which a rejected client's return is put off by chance. Default: 0.2. */
  readonly jitter?: number | undefined;
  /**
   * Bytes of a rejected request's body (>= 0) that are read and dropped to keep its connection; above, or with a body of
   * unknown length, the connection is closed. Default: 65 536.
   */
  readonly maxUnreadBodyBytes?: number | undefined;
  /** Where metrics go. Default: nowhere. */
  readonly metrics?: MetricsOptions | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Where chance comes from: numbers from 0 to below 1. Default: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The same as the code holds it; limits are checked where they are made. */
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
  readonly maxUnreadBodyBytes: number;
  readonly metrics: MetricsOptions;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_JITTER = 0.2;
const DEFAULT_MAX_UNREAD_BODY_BYTES = 65_536;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveOptions(options: BackpressureOptions): ResolvedBackpressureOptions {
  const { rateLimit, load, deadline, tiers = {}, tierOf, metrics = {} } = checkOptions(options);
  const tierPriorities = resolveTierPriorities(tiers);
  if (tierOf !== undefined) {
    checkFunction('tierOf', tierOf);
    if (tierPriorities.size === 0) throw new TypeError('tiers must be given with tierOf, got none');
  }
  return {
    rateLimit: rateLimit === undefined ? undefined : checkOptions(rateLimit),
    load: load === undefined ? undefined : resolveLoadOptions(load),
    deadline: deadline === undefined ? undefined : resolveDeadlineOptions('deadline', checkOptions(deadline)),
    tiers,
    tierPriorities,
    tierOf,
    exempt: resolveExempt(options.exempt ?? []),
    mapErrors: checkBoolean('mapErrors', options.mapErrors ?? true),
    jitter: checkBetween('jitter', options.jitter ?? DEFAULT_JITTER, 0, 1),
    maxUnreadBodyBytes: checkInteger(
      'maxUnreadBodyBytes',
      options.maxUnreadBodyBytes ?? DEFAULT_MAX_UNREAD_BODY_BYTES,
      0,
    ),
    metrics: checkOptions(metrics),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? Math.random),
  };
}

function resolveExempt(exempt: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(exempt) || !exempt.every((url) => typeof url === 'string' && url.startsWith('/'))) {
    throw new TypeError('exempt must be an array of URLs that begin with a slash');
  }
  return new Set(exempt);
}
