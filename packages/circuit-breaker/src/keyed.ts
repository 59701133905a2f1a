import { checkInteger, checkOptions } from '@bp/core';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { CircuitBreakerOptions } from './options.ts';

/** Options of `KeyedCircuitBreakers`: those of each breaker, and a bound. */
export interface KeyedCircuitBreakersOptions extends CircuitBreakerOptions {
  /** Breakers kept at once (>= 1). Default: 1000. */
  readonly maxKeys?: number | undefined;
}

/** How many of the least recently used breakers are looked at for one that can be forgotten. */
const LOOKED_AT = 16;

/**
 * A breaker for each key: for each host, or each tenant.
 *
 * At the bound the least recently used breaker that is closed and counts no failures in a row is forgotten, which loses
 * nothing. One that is open, probing or isolated is never forgotten: where no other is found, keys that are new share
 * one more breaker between them.
 */
export class KeyedCircuitBreakers {
  readonly #options: KeyedCircuitBreakersOptions;
  readonly #maxKeys: number;
  readonly #breakers = new Map<string, CircuitBreaker>();
  readonly #shared: CircuitBreaker;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: KeyedCircuitBreakersOptions = {}) {
    this.#options = checkOptions(options);
    this.#maxKeys = checkInteger('maxKeys', options.maxKeys ?? 1000);
    this.#shared = new CircuitBreaker(options);
  }

  /** How many breakers are kept, without the shared one. */
  get size(): number {
    return this.#breakers.size;
  }

  /** The breaker of `key`, named `name:key` in refusals; the key is cut to 60 characters there. */
  get(key: string): CircuitBreaker {
    let breaker = this.#breakers.get(key);
    if (breaker !== undefined) {
      // Behind the others: a Map keeps the order of insertion, so the first is the least recently used.
      this.#breakers.delete(key);
    } else {
      if (this.#breakers.size >= this.#maxKeys && !this.#forgetOne()) return this.#shared;
      const { name = 'circuit-breaker' } = this.#options;
      breaker = new CircuitBreaker({ ...this.#options, name: `${name.slice(0, 39)}:${key.slice(0, 60)}` });
    }
    this.#breakers.set(key, breaker);
    return breaker;
  }

  /** Every kept breaker with its key, least recently used first. */
  entries(): IterableIterator<[key: string, breaker: CircuitBreaker]> {
    return this.#breakers.entries();
  }

  #forgetOne(): boolean {
    let looked = 0;
    for (const [key, breaker] of this.#breakers) {
      if (++looked > LOOKED_AT) return false;
      const { state, failures } = breaker.stats();
      if (state === 'CLOSED' && failures === 0) return this.#breakers.delete(key);
      this.#breakers.delete(key);
      this.#breakers.set(key, breaker);
    }
    return false;
  }
}
