import { type Clock, systemClock } from '@bp/core';
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkOptions,
  optionNames,
} from '@bp/core/kit';
import { type Budget, checkBudget } from '../budget.ts';
import { deriveLimit, type Limit, type LimitOptions, resolveLimit } from '../gcra/limit.ts';
import { ROUNDING_MS } from './table-time.ts';

/** The limit of each client. */
export type ClientLimitOptions = LimitOptions;

/** Options of `PerClientRateLimiter`. */
export interface PerClientRateLimiterOptions extends ClientLimitOptions {
  /**
   * How many clients with a debt have an entry of their own (an integer from 1 to 2^24). Their memory is allocated at once: 21
   * bytes each; with tiers one byte more, and 0.6 for every tier. It also bounds how many clients can be blocked. Default:
   * 100 000.
   */
  readonly maxKeys?: number | undefined;
  /** Limits by name, for clients with another limit (up to 255). Default: none. */
  readonly tiers?: Readonly<Record<string, ClientLimitOptions>> | undefined;
  /**
   * Returns the tier of a client; undefined, or a name that is not in `tiers`, for the limit of these options. Called for
   * every decision: it must be fast and must not throw. Needs `tiers`. Default: all clients have the same limit.
   */
  readonly tierOf?: ((key: string) => string | undefined) | undefined;
  /** Clients that are always admitted, blocked or not, at no cost to the parent. Default: none. */
  readonly allow?: Iterable<string> | undefined;
  /** A budget that all clients share: a call is charged to its client and to the parent, or to neither. Default: none. */
  readonly parent?: Budget | undefined;
  /**
   * Admits every call and counts in `stats().shadowed` the calls that would have been rejected: to try a limit on real
   * traffic. Default: false.
   */
  readonly shadow?: boolean | undefined;
  /** How many of the most rejected clients `stats().offenders` lists (an integer from 0 to 100). Default: 16. */
  readonly maxOffenders?: number | undefined;
  /** The name of the limiter in rejections (1 to 100 characters). Default: `per-client-rate-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /**
   * The source of the secret seed of the hash: numbers from 0 to below 1. An attacker who can predict them can make clients
   * share an allowance. Default: the platform's cryptographic generator.
   */
  readonly random?: (() => number) | undefined;
}

/** `PerClientRateLimiterOptions` with their defaults. */
export interface ResolvedPerClientOptions {
  /** The limits by tier; the first one is for clients without a tier. */
  readonly limits: readonly Limit[];
  /** The names of the tiers; the first one, for no tier, is empty. */
  readonly tierNames: readonly string[];
  readonly tierOf: ((key: string) => string | undefined) | undefined;
  readonly allow: ReadonlySet<string>;
  readonly parent: Budget | undefined;
  readonly maxKeys: number;
  readonly shadow: boolean;
  readonly maxOffenders: number;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const LIMIT_OPTION_NAMES = { rate: true, intervalMs: true, burst: true } as const;

/** The names of the options of a limit. */
export const LIMIT_OPTIONS = /* @__PURE__ */ optionNames<ClientLimitOptions>(LIMIT_OPTION_NAMES);
const OPTIONS = /* @__PURE__ */ optionNames<PerClientRateLimiterOptions>({
  ...LIMIT_OPTION_NAMES,
  maxKeys: true,
  tiers: true,
  tierOf: true,
  allow: true,
  parent: true,
  shadow: true,
  maxOffenders: true,
  name: true,
  clock: true,
  random: true,
});

const DEFAULT_MAX_KEYS = 100_000;
const HIGHEST_MAX_KEYS = 2 ** 24;
const MAX_TIERS = 255;
const DEFAULT_MAX_OFFENDERS = 16;
// Counting a rejection compares it with every counter.
const HIGHEST_MAX_OFFENDERS = 100;

/** Checks options and applies defaults. @throws TypeError or RangeError naming the first wrong option. */
export function resolvePerClientOptions(options: PerClientRateLimiterOptions): ResolvedPerClientOptions {
  const { tiers = {}, tierOf, parent } = checkOptions(options, OPTIONS);
  const names = Object.keys(checkOptions(tiers, undefined, 'tiers'));
  for (const name of names) checkName('the name of a tier', name);
  if (names.length > MAX_TIERS) {
    throw new RangeError(`tiers must be at most ${MAX_TIERS}, got ${names.length}`);
  }
  if (tierOf !== undefined) {
    checkFunction('tierOf', tierOf);
    if (names.length === 0) throw new TypeError('tiers must be given with tierOf, got none');
  }
  return {
    limits: [resolveClientLimit(options), ...names.map((name) => resolveTier(name, tiers[name]))],
    tierNames: ['', ...names],
    tierOf,
    allow: checkAllow(options.allow ?? []),
    parent: parent === undefined ? undefined : checkBudget('parent', parent),
    maxKeys: atMost('maxKeys', options.maxKeys ?? DEFAULT_MAX_KEYS, 1, HIGHEST_MAX_KEYS),
    shadow: checkBoolean('shadow', options.shadow ?? false),
    maxOffenders: atMost(
      'maxOffenders',
      options.maxOffenders ?? DEFAULT_MAX_OFFENDERS,
      0,
      HIGHEST_MAX_OFFENDERS,
    ),
    name: checkName('name', options.name ?? 'per-client-rate-limiter'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? secureRandom),
  };
}

/** Resolves the limit of a client. @throws TypeError or RangeError naming the wrong option, below `path`. */
export function resolveClientLimit(options: ClientLimitOptions, path = ''): Limit {
  const limit = resolveLimit(options, { path, roundingMs: ROUNDING_MS });
  // An allowance that never comes back could never be forgotten, so there is none.
  return limit.rate === 0 ? deriveLimit(0, limit.intervalMs, 0) : limit;
}

function resolveTier(name: string, options: ClientLimitOptions | undefined): Limit {
  const path = `tiers.${name}`;
  return resolveClientLimit(checkOptions(options, LIMIT_OPTIONS, path) as ClientLimitOptions, `${path}.`);
}

function checkAllow(allow: Iterable<string>): ReadonlySet<string> {
  // A string is iterable too, but its characters are no keys.
  if (typeof allow === 'string' || typeof allow?.[Symbol.iterator] !== 'function') {
    throw new TypeError('allow must be an iterable of keys');
  }
  return new Set(allow);
}

function atMost(name: string, value: unknown, min: number, max: number): number {
  const integer = checkInteger(name, value, min);
  if (integer > max) throw new RangeError(`${name} must be an integer of at most ${max}, got ${integer}`);
  return integer;
}

function secureRandom(): number {
  const [bits = 0] = crypto.getRandomValues(new Uint32Array(1));
  return bits / 2 ** 32;
}
