import {
  type AdmissionOptions,
  type Clock,
  NO_ADMISSION_OPTIONS,
  RejectedError,
  refusalAtEntry,
} from '@bp/core';
import * as gcra from './gcra.ts';
import { KeyTable } from './key-table.ts';
import type { Limit } from './limit.ts';
import {
  type PerClientRateLimiterOptions,
  resolvePerClientRateLimiterOptions,
} from './per-client-options.ts';

/** What a per-client limiter has done since it was made, and how it stands. */
export interface PerClientRateLimiterStats {
  /** Clients that have spent something that has not come back yet. Counting them walks the table. */
  readonly clients: number;
  /** The bound on `clients`. */
  readonly maxClients: number;
  /** Calls admitted so far. */
  readonly admitted: number;
  /** Calls refused so far. */
  readonly refused: number;
}

/** A token bucket for every client, in memory that is bounded from the start. */
export class PerClientRateLimiter {
  readonly name: string;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #maxClients: number;
  readonly #table: KeyTable;
  readonly #limit: Limit;
  #admitted = 0;
  #refused = 0;
  #closed = false;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: PerClientRateLimiterOptions) {
    const { limit, maxClients, name, clock, random } = resolvePerClientRateLimiterOptions(options);
    this.name = name;
    this.#limit = limit;
    this.#clock = clock;
    this.#start = clock.now();
    this.#maxClients = maxClients;
    this.#table = new KeyTable(maxClients, random() * 2 ** 32, random() * 2 ** 32);
  }

  /**
   * Takes `cost` tokens (>= 0, fractions too) of the client `key` if they are there. Never throws: a cost that is no
   * such number, or above the burst, is never admitted.
   * @param now - the clock's time, for callers that have read it already; time going backwards grants nothing.
   */
  tryAcquire(key: string, cost = 1, now = this.#clock.now()): boolean {
    const limit = this.#limit;
    const t = this.#time(now);
    const tat = this.#table.read(key);
    if (this.#closed || !gcra.isPossible(limit, cost) || !gcra.admits(limit, tat, cost, t)) {
      this.#refused++;
      return false;
    }
    this.#table.write(gcra.charge(limit, tat, cost, t), t);
    this.#admitted++;
    return true;
  }

  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(key: string, cost = 1, now = this.#clock.now()): boolean {
    if (this.#closed || !gcra.isPossible(this.#limit, cost)) return false;
    return gcra.admits(this.#limit, this.#table.read(key), cost, this.#time(now));
  }

  /** Milliseconds after `now` from which the same call is admitted: 0 if it is now, `Infinity` if it never will be. */
  retryAfterMs(key: string, cost = 1, now = this.#clock.now()): number {
    if (this.#closed || !gcra.isPossible(this.#limit, cost)) return Number.POSITIVE_INFINITY;
    const tat = this.#table.read(key);
    if (gcra.admits(this.#limit, tat, cost, this.#time(now))) return 0;
    return gcra.untilTime(gcra.admissionTime(this.#limit, tat, cost), this.#start, now);
  }

  /** Tokens that `key` can take now, with fractions, from 0 to the burst. */
  remaining(key: string, now = this.#clock.now()): number {
    return gcra.remaining(this.#limit, this.#table.read(key), this.#time(now));
  }

  /** Takes `ctx.cost` tokens of `key` or rejects with `RejectedError`: per client nobody waits. */
  async acquire(key: string, ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    const over = refusalAtEntry(ctx, this.#clock, this.name);
    if (over !== undefined) throw over;
    const { cost = 1 } = ctx;
    const now = this.#clock.now();
    if (this.tryAcquire(key, cost, now)) return;
    if (this.#closed) throw new RejectedError('SHUTTING_DOWN', this.name);
    if (!gcra.isPossible(this.#limit, cost)) {
      throw new RangeError(`cost must be a number from 0 to the burst of ${this.#limit.burst}, got ${cost}`);
    }
    throw new RejectedError('RATE_LIMITED', this.name, { retryAfterMs: this.retryAfterMs(key, cost, now) });
  }

  /** How the limiter stands and what it has done. */
  stats(): PerClientRateLimiterStats {
    return {
      clients: this.#table.count(this.#time(this.#clock.now())),
      maxClients: this.#maxClients,
      admitted: this.#admitted,
      refused: this.#refused,
    };
  }

  /** Admits nobody from now on. Resolves at once: nobody waits here. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #time(now: number): number {
    return now > this.#start ? now - this.#start : 0;
  }
}
