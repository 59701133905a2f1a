import { type Clock, systemClock } from '@bp/core';
import { checkBoolean, checkClock, checkFunction, checkInteger, checkName, checkOptions } from '@bp/core/kit';
import type { Budget } from './budget.ts';
import { createLimit, deriveLimit, type Limit } from './limit.ts';
import { DEFAULT_INTERVAL_MS, type RateOptions } from './options.ts';

/** The limit of one client. */
export interface ClientLimitOptions extends RateOptions {
  /**
   * Tokens each client may take at once after a rest (> 0), and the highest cost that can ever be admitted. Default:
   * `rate`, at least 1. Ignored at an infinite rate, and at rate 0, which admits nobody.
   */
  readonly burst?: number | undefined;
}

/** Options of `PerClientRateLimiter`. */
export interface PerClientRateLimiterOptions extends ClientLimitOptions {
  /**
   * How many clients that have spent something are told apart (1 to 2^24). Their memory is taken at once: 21 bytes
   * each; with tiers a byte more, and 0.6 for every tier. Default: 100 000.
   */
  readonly maxKeys?: number | undefined;
  /** Limits by name for clients that have another one (up to 255). Default: none. */
  readonly tiers?: Readonly<Record<string, ClientLimitOptions>> | undefined;
  /**
   * The tier of a client; undefined, or a name that is not in `tiers`, for the limit of these options. Called for every
   * decision: it must be quick, and must not throw. Needs `tiers`. Default: everybody has the same limit.
   */
  readonly tierOf?: ((key: string) => string | undefined) | undefined;
  /** Clients that are always admitted, at no cost to the parent either. Default: none. */
  readonly allow?: Iterable<string> | undefined;
  /** A budget that all clients share: a call is charged to its client and to the parent, or to neither. Default: none. */
  readonly parent?: Budget | undefined;
  /**
   * Admit everything, and count in `stats().shadowed` what would have been rejected: for trying a limit on real traffic.
   * Default: false.
   */
  readonly shadow?: boolean | undefined;
  /** How many of the clients that are rejected most `stats().offenders` names (0 to 1000). Default: 16. */
  readonly offenders?: number | undefined;
  /** What it is called in rejections (1 to 100 characters). Default: `per-client-rate-limiter`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
  /**
   * Where the secret seed of the hash comes from: numbers from 0 to below 1. Who can predict them can make clients share
   * an allowance. Default: the platform's cryptographic generator.
   */
  readonly random?: (() => number) | undefined;
}

/** The same as the code holds them. */
export interface ResolvedPerClientOptions {
  /** The limits by tier; first the one of everybody who has no tier. */
  readonly limits: readonly Limit[];
  /** The names of the tiers; first the empty name of none. */
  readonly tierNames: readonly string[];
  readonly tierOf: ((key: string) => string | undefined) | undefined;
  readonly allow: ReadonlySet<string>;
  readonly parent: Budget | undefined;
  readonly maxKeys: number;
  readonly shadow: boolean;
  readonly offenders: number;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

const DEFAULT_MAX_CLIENTS = 100_000;
const MAX_MAX_CLIENTS = 2 ** 24;
const MAX_TIERS = 255;
const DEFAULT_OFFENDERS = 16;
const MAX_OFFENDERS = 1000;

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolvePerClientOptions(options: PerClientRateLimiterOptions): ResolvedPerClientOptions {
  const { tiers = {}, tierOf, parent } = checkOptions(options);
  const names = Object.keys(tiers).map((name) => checkName('the name of a tier', name));
  if (names.length > MAX_TIERS)
    throw new RangeError(`tiers must be at most ${MAX_TIERS}, got ${names.length}`);
  if (tierOf !== undefined) {
    checkFunction('tierOf', tierOf);
    if (names.length === 0) throw new TypeError('tiers must be given with tierOf, got none');
  }
  if (parent !== undefined && typeof parent?.tryAcquire !== 'function') {
    throw new TypeError('parent must have a tryAcquire() method');
  }
  return {
    limits: [createClientLimit(options), ...names.map((name) => createTier(name, tiers[name]))],
    tierNames: ['', ...names],
    tierOf,
    allow: checkAllow(options.allow ?? []),
    parent,
    maxKeys: atMost('maxKeys', options.maxKeys ?? DEFAULT_MAX_CLIENTS, 1, MAX_MAX_CLIENTS),
    shadow: checkBoolean('shadow', options.shadow ?? false),
    offenders: atMost('offenders', options.offenders ?? DEFAULT_OFFENDERS, 0, MAX_OFFENDERS),
    name: checkName('name', options.name ?? 'per-client-rate-limiter'),
    clock: checkClock('clock', options.clock ?? systemClock),
    random: checkFunction('random', options.random ?? secureRandom),
  };
}

/** The limit of a client. @throws TypeError or RangeError naming the option that is wrong. */
export function createClientLimit(options: ClientLimitOptions): Limit {
  const { rate, intervalMs = DEFAULT_INTERVAL_MS, burst } = options;
  const limit = createLimit(rate, intervalMs, burst);
  // An allowance that never comes back could never be forgotten, so there is none.
  return rate === 0 ? deriveLimit(rate, intervalMs, 0) : limit;
}

function createTier(name: string, options: ClientLimitOptions | undefined): Limit {
  try {
    return createClientLimit(checkOptions(options) as ClientLimitOptions);
  } catch (error) {
    (error as Error).message = `tiers[${JSON.stringify(name)}]: ${(error as Error).message}`;
    throw error;
  }
}

function checkAllow(allow: Iterable<string>): ReadonlySet<string> {
  // A string is iterable too, but its letters are no clients.
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
