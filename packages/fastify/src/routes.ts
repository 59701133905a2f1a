import type { Clock } from '@bp/core';
import { checkBoolean, checkInteger, checkNonNegative, checkOptions } from '@bp/core/kit';
import {
  type DeadlineOptions,
  type ResolvedDeadlineOptions,
  resolveDeadlineOptions,
} from './gates/deadline.ts';
import {
  type ResolvedRouteLoadOptions,
  type RouteLoadOptions,
  resolveRouteLoadOptions,
} from './gates/load-options.ts';
import { createRateLimitGate, type RateLimitGate } from './gates/rate-limit.ts';
import type { RateLimitOptions } from './gates/rate-limit-options.ts';
import type { ResolvedBackpressureOptions } from './options.ts';

/** `config.backpressure` of a route: what is different there. `false` exempts it, as the plugin's `exempt` does. */
export interface RouteBackpressureOptions {
  /** A limit of its own instead of the plugin's (routes given the same object share it), or none. */
  readonly rateLimit?: RateLimitOptions | false | undefined;
  /** Other sources or another wait, or no load gate and no pacing. */
  readonly load?: RouteLoadOptions | false | undefined;
  /** Other bounds, or deadlines not read. */
  readonly deadline?: DeadlineOptions | false | undefined;
  /** What a request takes from its client's limit (>= 0). Default: 1. */
  readonly cost?: number | undefined;
  /** Added to the priority of its client (an integer). Default: 0. */
  readonly priority?: number | undefined;
  /** Whether a `RejectedError` is answered here; for routes with an error handler that wants to see it. */
  readonly mapErrors?: boolean | undefined;
}

/** What stands before a route. */
export interface RouteSettings {
  readonly exempt: boolean;
  readonly rateLimit: RateLimitGate | undefined;
  readonly load: ResolvedRouteLoadOptions | undefined;
  readonly deadline: ResolvedDeadlineOptions | undefined;
  readonly cost: number;
  readonly priority: number;
  readonly mapErrors: boolean;
}

/** What Fastify keeps as the `config` of a route. */
export interface RouteConfig {
  readonly url?: string | undefined;
  readonly backpressure?: RouteBackpressureOptions | false | undefined;
}

/** What stands before each route, made when the route is registered. */
export class Routes {
  readonly #options: ResolvedBackpressureOptions;
  readonly #clock: Clock;
  readonly #usual: RouteSettings;
  readonly #own = new WeakMap<RouteConfig, RouteSettings>();
  readonly #gates = new Map<RateLimitOptions, RateLimitGate>();

  constructor(options: ResolvedBackpressureOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#usual = {
      exempt: false,
      rateLimit: options.rateLimit === undefined ? undefined : this.#gate('rateLimit', options.rateLimit),
      load: options.load,
      deadline: options.deadline,
      cost: 1,
      priority: 0,
      mapErrors: options.mapErrors,
    };
  }

  /** @throws TypeError or RangeError naming the option of the route that is wrong, the first time it is asked for. */
  of(config: RouteConfig): RouteSettings {
    let settings = this.#own.get(config);
    if (settings === undefined) {
      settings = this.#resolve(config);
      this.#own.set(config, settings);
    }
    return settings;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#gates.values()].map((gate) => gate.close()));
  }

  #resolve({ url, backpressure }: RouteConfig): RouteSettings {
    const exempt = backpressure === false || (url !== undefined && this.#options.exempt.has(url));
    if (exempt) return { ...this.#usual, exempt, rateLimit: undefined, load: undefined };
    if (backpressure === undefined) return this.#usual;
    return this.#different(`config.backpressure of ${url}`, checkOptions(backpressure));
  }

  #different(path: string, options: RouteBackpressureOptions): RouteSettings {
    const usual = this.#usual;
    const { rateLimit, load, deadline, cost = 1, priority = 0, mapErrors = usual.mapErrors } = options;
    return {
      exempt: false,
      rateLimit: either(rateLimit, usual.rateLimit, (own) => this.#gate(`${path}.rateLimit`, own)),
      load: either(load, usual.load, (own) => this.#load(`${path}.load`, own)),
      deadline: either(deadline, usual.deadline, (own) => resolveDeadlineOptions(`${path}.deadline`, own)),
      cost: checkNonNegative(`${path}.cost`, cost),
      priority: checkInteger(`${path}.priority`, priority, Number.MIN_SAFE_INTEGER),
      mapErrors: checkBoolean(`${path}.mapErrors`, mapErrors),
    };
  }

  #load(path: string, options: RouteLoadOptions): ResolvedRouteLoadOptions {
    const { load } = this.#options;
    if (load === undefined) throw new TypeError(`${path} needs the plugin's load option`);
    return resolveRouteLoadOptions(path, options, load);
  }

  #gate(path: string, options: RateLimitOptions): RateLimitGate {
    let gate = this.#gates.get(options);
    if (gate === undefined) {
      gate = createRateLimitGate(path, options, this.#options.tiers, this.#clock);
      this.#gates.set(options, gate);
    }
    return gate;
  }
}

function either<Given extends object, Made>(
  given: Given | false | undefined,
  usual: Made | undefined,
  make: (options: Given) => Made,
): Made | undefined {
  if (given === undefined) return usual;
  return given === false ? undefined : make(checkOptions(given));
}
