import { checkBoolean, checkInteger, checkNonNegative, checkOptions, optionNames } from '@bp/core/kit';
import {
  type DeadlineOptions,
  type ResolvedDeadlineOptions,
  resolveDeadlineOptions,
} from './gates/deadline-options.ts';
import {
  type ResolvedRouteLoadOptions,
  type RouteLoadOptions,
  resolveRouteLoadOptions,
} from './gates/load/load-options.ts';
import { ClientKeys } from './gates/rate-limit/client-keys.ts';
import { createRateLimit, type RateLimit } from './gates/rate-limit/rate-limit.ts';
import { type RateLimitOptions, resolveClientOptions } from './gates/rate-limit/rate-limit-options.ts';
import type { ResolvedBackpressureOptions } from './options.ts';

/** `config.backpressure` of a route: what differs there. `false` exempts the route, as the plugin's `exempt` does. */
export interface RouteBackpressureOptions {
  /**
   * A limit instead of the plugin's, or none. Routes with the same object share it. It inherits `key`, `ipv6Prefix` and `fields`; a
   * tier with a limit may only make it stricter.
   */
  readonly rateLimit?: RateLimitOptions | false | undefined;
  /** Other sources or another wait; false: no load gate and no loop budget. */
  readonly load?: RouteLoadOptions | false | undefined;
  /** Other bounds; false: deadlines are not read. */
  readonly deadline?: DeadlineOptions | false | undefined;
  /** Tokens that a request costs its client's limit (>= 0, at most its burst and that of each tier). Default: 1. */
  readonly cost?: number | undefined;
  /** An integer that is added to the priority of the client. Default: 0. */
  readonly priority?: number | undefined;
  /** Whether a `RejectedError` is answered before the error handler of the route sees it. Default: as the plugin. */
  readonly mapErrors?: boolean | undefined;
}

/** The gates of a route, with defaults. */
export interface RouteSettings {
  readonly exempt: boolean;
  readonly rateLimit: RateLimit | undefined;
  /** Those of the limit, else those of the plugin's limit, else the addresses. */
  readonly keys: ClientKeys;
  readonly load: ResolvedRouteLoadOptions | undefined;
  readonly deadline: ResolvedDeadlineOptions | undefined;
  readonly cost: number;
  readonly priority: number;
  readonly mapErrors: boolean;
}

/** The `config` of a route in Fastify. */
export interface RouteConfig {
  readonly url?: string | undefined;
  readonly backpressure?: RouteBackpressureOptions | false | undefined;
}

const OPTIONS = optionNames<RouteBackpressureOptions>({
  rateLimit: true,
  load: true,
  deadline: true,
  cost: true,
  priority: true,
  mapErrors: true,
});

/** The settings of each route, made when the route is registered. */
export class Routes {
  readonly #options: ResolvedBackpressureOptions;
  readonly #usual: RouteSettings;
  readonly #own = new WeakMap<RouteConfig, RouteSettings>();
  readonly #limits = new Map<RateLimitOptions, RateLimit>();

  /** @throws TypeError or RangeError naming the first wrong option of the plugin's limit. */
  constructor(options: ResolvedBackpressureOptions) {
    const { rateLimit, load, deadline, mapErrors, tiers, clock } = options;
    this.#options = options;
    const usual = rateLimit && createRateLimit('rateLimit', rateLimit, { tiers, clock, isOfRoute: false });
    this.#usual = {
      exempt: false,
      rateLimit: usual,
      keys:
        usual?.keys ??
        new ClientKeys('rateLimit', undefined, resolveClientOptions('rateLimit', {}).ipv6Prefix),
      load,
      deadline,
      cost: 1,
      priority: 0,
      mapErrors,
    };
    if (rateLimit !== undefined && usual !== undefined) this.#limits.set(rateLimit, usual);
  }

  /** The settings of a route. @throws TypeError or RangeError naming its first wrong option, on the first call. */
  of(config: RouteConfig): RouteSettings {
    let settings = this.#own.get(config);
    if (settings === undefined) {
      settings = this.#resolve(config);
      this.#own.set(config, settings);
    }
    return settings;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#limits.values()].map(({ gate }) => gate.close()));
  }

  #resolve({ url, backpressure }: RouteConfig): RouteSettings {
    const exempt = backpressure === false || (url !== undefined && this.#options.exempt.has(url));
    const path = `config.backpressure of ${url}`;
    const settings =
      backpressure === undefined || backpressure === false
        ? this.#usual
        : this.#different(path, checkOptions(backpressure, OPTIONS, path));
    return exempt ? { ...settings, exempt, rateLimit: undefined, load: undefined } : settings;
  }

  #different(path: string, options: RouteBackpressureOptions): RouteSettings {
    const usual = this.#usual;
    const { rateLimit, load, deadline, cost = 1, priority = 0, mapErrors = usual.mapErrors } = options;
    const limit = either(rateLimit, usual.rateLimit, (own) => this.#limit(`${path}.rateLimit`, own));
    return {
      exempt: false,
      rateLimit: limit,
      keys: limit?.keys ?? usual.keys,
      load: either(load, usual.load, (own) => this.#load(`${path}.load`, own)),
      deadline: either(deadline, usual.deadline, (own) => resolveDeadlineOptions(`${path}.deadline`, own)),
      cost: options.cost === undefined ? cost : checkRouteCost(`${path}.cost`, cost, limit),
      priority: checkInteger(`${path}.priority`, priority, Number.MIN_SAFE_INTEGER),
      mapErrors: checkBoolean(`${path}.mapErrors`, mapErrors),
    };
  }

  #load(path: string, options: RouteLoadOptions): ResolvedRouteLoadOptions {
    const { load, onSourceError } = this.#options;
    if (load === undefined) throw new TypeError(`${path} needs the plugin's load option`);
    return resolveRouteLoadOptions(path, options, load, onSourceError);
  }

  #limit(path: string, options: RateLimitOptions): RateLimit {
    let limit = this.#limits.get(options);
    if (limit === undefined) {
      const { tiers, clock } = this.#options;
      limit = createRateLimit(path, options, { tiers, clock, usual: this.#usual.rateLimit, isOfRoute: true });
      this.#limits.set(options, limit);
    }
    return limit;
  }
}

/** @throws TypeError or RangeError naming `path` if `limit` can never admit a request of this cost. */
function checkRouteCost(path: string, cost: number, limit: RateLimit | undefined): number {
  checkNonNegative(path, cost);
  const { maxCost } = limit?.gate ?? { maxCost: Number.POSITIVE_INFINITY };
  if (cost <= maxCost) return cost;
  throw new RangeError(
    `${path} must be at most ${maxCost}, the most that its rate limit admits, got ${cost}`,
  );
}

function either<Given extends object, Made>(
  given: Given | false | undefined,
  usual: Made | undefined,
  make: (options: Given) => Made,
): Made | undefined {
  if (given === undefined) return usual;
  return given === false ? undefined : make(given);
}
