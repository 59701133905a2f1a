import { type Clock, systemClock } from '@bp/core';
import { checkInteger, checkOptions, checkPositive } from '@bp/core/kit';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { CircuitBreakerOptions } from './options.ts';

/** Options of `KeyedCircuitBreakers`: those of each breaker, and a bound. */
export interface KeyedCircuitBreakersOptions extends CircuitBreakerOptions {
  /** Breakers kept at once (>= 1). Default: 1000. */
  readonly maxKeys?: number | undefined;
  /**
   * Milliseconds after which a closed breaker that nobody has asked for is forgotten (> 0, >= `window.ms`). Default: 10
   * minutes, at least `window.ms`.
   */
  readonly idleMs?: number | undefined;
}

/** A breaker, and when it was asked for last. */
interface Kept {
  readonly breaker: CircuitBreaker;
  usedAt: number;
}

const IDLE_MS = 600_000;
/** How many that have been idle for long enough one call clears away: more than it can add. */
const CLEARED_AT_ONCE = 2;

/** How many of the least recently used breakers are looked at for one that can be forgotten. */
const LOOKED_AT = 16;

/**
 * A breaker for each key: for each host, or each tenant.
 *
 * One that is closed and has been idle is forgotten. At the bound the least recently used one that is closed, has no call
 * under way and nothing against its dependency, no failures in a row or in its window, is forgotten too, which loses
 * successes at most. One that is open, probing or isolated is never forgotten: where no other is found, keys that are
 * new share one more breaker between them.
 */
export class KeyedCircuitBreakers {
  readonly #options: KeyedCircuitBreakersOptions;
  readonly #maxKeys: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #kept = new Map<string, Kept>();
  readonly #shared: CircuitBreaker;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: KeyedCircuitBreakersOptions = {}) {
    this.#options = checkOptions(options);
    this.#maxKeys = checkInteger('maxKeys', options.maxKeys ?? 1000);
    this.#shared = new CircuitBreaker(options);
    const { window, idleMs } = options;
    const windowMs = window !== undefined && 'ms' in window ? window.ms : 0;
    this.#idleMs = checkPositive('idleMs', idleMs ?? Math.max(IDLE_MS, windowMs));
    if (this.#idleMs < windowMs) {
      throw new RangeError(`idleMs must be at least window.ms = ${windowMs}, got ${this.#idleMs}`);
    }
    this.#clock = options.clock ?? systemClock;
  }

  /** How many breakers are kept, without the shared one. */
  get size(): number {
    return this.#kept.size;
  }

  /** The breaker of `key`, named `name:key` in rejections; the key is cut to 60 characters there. */
  get(key: string): CircuitBreaker {
    const now = this.#clock.now();
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      kept.usedAt = now;
      this.#putBehind(key, kept);
      this.#forgetIdle(now);
      return kept.breaker;
    }
    this.#forgetIdle(now);
    if (this.#kept.size >= this.#maxKeys && !this.#forgetOne()) return this.#shared;
    const { name = 'circuit-breaker' } = this.#options;
    const breaker = new CircuitBreaker({
      ...this.#options,
      name: `${name.slice(0, 39)}:${key.slice(0, 60)}`,
    });
    this.#kept.set(key, { breaker, usedAt: now });
    return breaker;
  }

  /** Every kept breaker with its key, least recently used first. */
  *entries(): Generator<[key: string, breaker: CircuitBreaker], void, void> {
    for (const [key, { breaker }] of this.#kept) yield [key, breaker];
  }

  #putBehind(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
  }

  #forgetIdle(now: number): void {
    let looked = 0;
    for (const [key, kept] of this.#kept) {
      if (now - kept.usedAt < this.#idleMs || ++looked > CLEARED_AT_ONCE) return;
      if (kept.breaker.state === 'CLOSED') this.#kept.delete(key);
      else this.#putBehind(key, kept);
    }
  }

  #forgetOne(): boolean {
    let looked = 0;
    for (const [key, kept] of this.#kept) {
      if (++looked > LOOKED_AT) return false;
      if (hasNothingToKeep(kept.breaker)) return this.#kept.delete(key);
      this.#putBehind(key, kept);
    }
    return false;
  }
}

function hasNothingToKeep(breaker: CircuitBreaker): boolean {
  const { state, failures, windowFailures, windowSlow, admitted, succeeded, failed, ignored } =
    breaker.stats();
  const underWay = admitted - succeeded - failed - ignored;
  return state === 'CLOSED' && failures + windowFailures + windowSlow + underWay === 0;
}
