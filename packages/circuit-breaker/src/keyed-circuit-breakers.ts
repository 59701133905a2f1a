import {
  type CallContext,
  type Clock,
  type Policy,
  RejectedError,
  systemClock,
  type Unsubscribe,
} from '@bp/core';
import {
  checkInteger,
  checkOptions,
  checkPositive,
  EMPTY_CONTEXT,
  Listeners,
  optionNames,
} from '@bp/core/kit';
import { CircuitBreaker, type CircuitTransition } from './circuit-breaker.ts';
import type { CircuitPermit } from './circuit-permit.ts';
import { type CircuitBreakerOptions, circuitBreakerOptionNames } from './options.ts';

/** Options of `KeyedCircuitBreakers`: those of each breaker, and a bound. */
export interface KeyedCircuitBreakersOptions extends CircuitBreakerOptions {
  /** Breakers kept at once (>= 1). Default: 1000. */
  readonly maxKeys?: number | undefined;
  /**
   * Milliseconds after which a closed breaker without calls is dropped (> 0, >= `window.ms`). Default: 10 minutes, at least
   * `window.ms`.
   */
  readonly idleMs?: number | undefined;
}

/** A change of state of one of many breakers. */
export interface KeyedCircuitTransition extends CircuitTransition {
  /** Undefined for calls without a key, and for the breaker that new keys share at the bound. */
  readonly key: string | undefined;
}

/** A snapshot of `KeyedCircuitBreakers`. */
export interface KeyedCircuitBreakersStats {
  /** Breakers that are kept, at most `maxKeys`. */
  readonly keys: number;
  /** Those of them that are not CLOSED. */
  readonly notClosed: number;
}

interface Entry {
  readonly breaker: CircuitBreaker;
  usedAt: number;
}

const KEYED_OPTIONS = /* @__PURE__ */ optionNames<Pick<KeyedCircuitBreakersOptions, 'maxKeys' | 'idleMs'>>({
  maxKeys: true,
  idleMs: true,
});

const IDLE_MS = 600_000;
/** How many idle breakers one call may drop: more than it can add. */
const MAX_DROPPED = 2;
/** How many of the least recently used breakers a call examines to make room. */
const MAX_EXAMINED = 16;

/**
 * A circuit breaker for each `ctx.key`, such as a host or a tenant. All calls without a key have one breaker.
 *
 * At `maxKeys` a new key replaces the least recently used breaker that has nothing to lose: it is closed, has no running call
 * and no failure that counts. A breaker that is open, probing or isolated is never dropped. If the search among the 16 least
 * recently used finds none, new keys share one more breaker. Every method costs O(1).
 */
export class KeyedCircuitBreakers implements Policy {
  readonly #options: CircuitBreakerOptions;
  readonly #maxKeys: number;
  readonly #idleMs: number;
  readonly #clock: Clock;
  readonly #name: string;
  /** Least recently used first: a Map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry>();
  readonly #keyless: CircuitBreaker;
  readonly #shared: CircuitBreaker;
  readonly #transitions = new Listeners<KeyedCircuitTransition>();
  readonly #rejected = new Listeners<RejectedError>();
  /** Whether the rejections of the breakers are observed: only from the first listener on. */
  #forwarding = false;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: KeyedCircuitBreakersOptions = {}) {
    checkOptions(options, [...circuitBreakerOptionNames, ...KEYED_OPTIONS]);
    const { maxKeys = 1000, idleMs, ...breakerOptions } = options;
    this.#options = breakerOptions;
    this.#maxKeys = checkInteger('maxKeys', maxKeys);
    this.#name = options.name ?? 'circuit-breaker';
    this.#clock = options.clock ?? systemClock;
    this.#keyless = this.#create(undefined);
    this.#shared = this.#create(undefined);
    const { window } = options;
    const windowMs = (window !== undefined && 'ms' in window ? window.ms : undefined) ?? 0;
    this.#idleMs = checkPositive('idleMs', idleMs ?? Math.max(IDLE_MS, windowMs));
    if (this.#idleMs < windowMs) {
      throw new RangeError(`idleMs must be at least window.ms = ${windowMs}, got ${this.#idleMs}`);
    }
  }

  /** How many breakers are kept, without that of calls without a key and the shared one. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Returns the breaker of `key`, named `name:key` in rejections (the key cut to 60 characters). Do not keep it: a dropped
   * breaker is replaced when its key is used again.
   *
   * @throws TypeError if `key` is neither a string nor undefined.
   */
  get(key: string | undefined): CircuitBreaker {
    if (key === undefined) return this.#keyless;
    if (typeof key !== 'string') throw new TypeError(`key must be a string, got ${typeof key}`);
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.usedAt = now;
      this.#moveToEnd(key, entry);
      this.#dropIdle(now);
      return entry.breaker;
    }
    this.#dropIdle(now);
    if (this.#entries.size >= this.#maxKeys && !this.#makeRoom()) return this.#shared;
    const breaker = this.#create(key);
    this.#entries.set(key, { breaker, usedAt: now });
    return breaker;
  }

  /** Does what `execute` of the key's breaker does; also rejects with a TypeError if `ctx.key` is no string. */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    try {
      return this.get(ctx.key).execute(fn, ctx);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Does what `tryAcquire` of the key's breaker does; rejects a call whose key is no string. Never throws. */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT): CircuitPermit | undefined {
    if (hasValidKey(ctx)) return this.get(ctx.key).tryAcquire(ctx);
    if (!this.#rejected.isEmpty) this.#rejected.emit(this.#wrongKey());
    return undefined;
  }

  /**
   * Returns the rejection with which `execute` would reject now, or undefined. Adds no breaker. Never throws: a wrong deadline
   * counts as one that has passed, and a call whose key is no string is rejected.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    return hasValidKey(ctx) ? this.#find(ctx.key).check(ctx) : this.#wrongKey();
  }

  /**
   * Returns the milliseconds until a call with this key may be admitted, as `CircuitBreaker.retryAfterMs` does; `Infinity` if
   * the key is no string. Never throws.
   */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT): number | undefined {
    return hasValidKey(ctx) ? this.#find(ctx.key).retryAfterMs() : Number.POSITIVE_INFINITY;
  }

  /** Yields every kept breaker with its key, least recently used first. */
  *entries(): Generator<[key: string, breaker: CircuitBreaker], void, void> {
    for (const [key, { breaker }] of this.#entries) yield [key, breaker];
  }

  /** Calls `listener` at every change of state of any breaker. */
  onTransition(listener: (transition: KeyedCircuitTransition) => void): Unsubscribe {
    return this.#transitions.add(listener);
  }

  /** Calls `listener` once for every rejection by any breaker. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    if (!this.#forwarding) {
      this.#forwarding = true;
      this.#forward(this.#keyless);
      this.#forward(this.#shared);
      for (const { breaker } of this.#entries.values()) this.#forward(breaker);
    }
    return this.#rejected.add(listener);
  }

  /** Returns a snapshot of its gauges. Costs O(`maxKeys`). */
  stats(): KeyedCircuitBreakersStats {
    let notClosed = 0;
    for (const { breaker } of this.#entries.values()) if (breaker.state !== 'CLOSED') notClosed++;
    return { keys: this.#entries.size, notClosed };
  }

  /** Returns the breaker that a call with `key` would meet, without adding one. */
  #find(key: string | undefined): CircuitBreaker {
    if (key === undefined) return this.#keyless;
    const entry = this.#entries.get(key);
    if (entry !== undefined) return entry.breaker;
    const shares = this.#entries.size >= this.#maxKeys && this.#replaceable() === undefined;
    return shares ? this.#shared : this.#create(key);
  }

  #wrongKey(): RejectedError {
    return new RejectedError('CIRCUIT_OPEN', this.#name, { retryAfterMs: Number.POSITIVE_INFINITY });
  }

  #create(key: string | undefined): CircuitBreaker {
    const name = key === undefined ? this.#name : `${this.#name.slice(0, 39)}:${key.slice(0, 60)}`;
    const breaker = new CircuitBreaker({ ...this.#options, name });
    breaker.onTransition((transition) => this.#transitions.emit({ key, ...transition }));
    if (this.#forwarding) this.#forward(breaker);
    return breaker;
  }

  #forward(breaker: CircuitBreaker): void {
    breaker.onRejected((rejection) => this.#rejected.emit(rejection));
  }

  #moveToEnd(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  #dropIdle(now: number): void {
    let examined = 0;
    for (const [key, entry] of this.#entries) {
      if (now - entry.usedAt < this.#idleMs || ++examined > MAX_DROPPED) return;
      const { state, active } = entry.breaker.stats();
      if (state === 'CLOSED' && active === 0) this.#entries.delete(key);
      else this.#moveToEnd(key, entry);
    }
  }

  /** Drops a breaker that has nothing to lose; false if it finds none. */
  #makeRoom(): boolean {
    const found = this.#replaceable();
    let examined = 0;
    for (const [key, entry] of this.#entries) {
      if (key === found) return this.#entries.delete(key);
      // The next search examines others.
      if (++examined > MAX_EXAMINED) return false;
      this.#moveToEnd(key, entry);
    }
    return false;
  }

  #replaceable(): string | undefined {
    let examined = 0;
    for (const [key, { breaker }] of this.#entries) {
      if (++examined > MAX_EXAMINED) return undefined;
      if (hasNothingToLose(breaker)) return key;
    }
    return undefined;
  }
}

const hasValidKey = ({ key }: CallContext): boolean => key === undefined || typeof key === 'string';

function hasNothingToLose(breaker: CircuitBreaker): boolean {
  const { state, consecutiveFailures, windowFailures, windowSlow, active } = breaker.stats();
  return state === 'CLOSED' && consecutiveFailures + windowFailures + windowSlow + active === 0;
}
