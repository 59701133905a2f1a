import {
  type AdmissionOptions,
  type Clock,
  checkNonNegative,
  checkOptions,
  NO_ADMISSION_OPTIONS,
  RejectedError,
  refusalAtEntry,
} from '@bp/core';
import type { Budget } from './budget.ts';
import { ClientBudget } from './client-budget.ts';
import * as gcra from './gcra.ts';
import { Ledger, type PerClientSnapshot } from './ledger.ts';
import {
  type ClientLimitOptions,
  createClientLimit,
  type PerClientRateLimiterOptions,
  resolvePerClientOptions,
} from './per-client-options.ts';
import { type TopKey, TopKeys } from './top-keys.ts';

/** What a per-client limiter has done since it was made, and how it stands. */
export interface PerClientRateLimiterStats {
  /** Clients that have spent something that has not come back yet. Counting them walks the table. */
  readonly clients: number;
  /** How many of them are told apart. */
  readonly maxClients: number;
  /** What the table takes, in bytes. */
  readonly bytes: number;
  /** Calls admitted so far. */
  readonly admitted: number;
  /** Calls refused so far. */
  readonly refused: number;
  /** Calls admitted only because of `shadow`; they are not among `admitted`, and took nothing. */
  readonly shadowed: number;
  /** The clients that were refused most often, most often first; see `TopKey` for how sure that is. */
  readonly offenders: readonly TopKey[];
}

/**
 * A token bucket for every client, in memory that is taken at once and never grows. A client that is back to full is
 * forgotten, which changes nothing. With more clients than `maxClients` at once, the least indebted ones share accounts:
 * then some are refused earlier than they need be, but nobody is ever given more than its limit.
 */
export class PerClientRateLimiter {
  readonly name: string;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #maxClients: number;
  readonly #allow: ReadonlySet<string>;
  readonly #parent: Budget | undefined;
  readonly #shadow: boolean;
  readonly #ledger: Ledger;
  readonly #offenders: TopKeys;
  #admitted = 0;
  #refused = 0;
  #shadowed = 0;
  #closed = false;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: PerClientRateLimiterOptions) {
    const resolved = resolvePerClientOptions(options);
    this.name = resolved.name;
    this.#clock = resolved.clock;
    this.#start = resolved.clock.now();
    this.#maxClients = resolved.maxClients;
    this.#allow = resolved.allow;
    this.#parent = resolved.parent;
    this.#shadow = resolved.shadow;
    this.#ledger = new Ledger(resolved);
    this.#offenders = new TopKeys(resolved.offenders);
  }

  /**
   * Takes `cost` tokens (>= 0, fractions too) of the client `key` if they are there. Never throws: a cost that is no
   * such number, or above the burst, is never admitted.
   * @param now - the clock's time, for callers that have read it already; time going backwards grants nothing.
   */
  tryAcquire(key: string, cost = 1, now = this.#clock.now()): boolean {
    if (!this.#closed) {
      if (this.#take(key, cost, now)) {
        this.#admitted++;
        return true;
      }
      if (this.#shadow) {
        this.#shadowed++;
        return true;
      }
    }
    this.#refused++;
    return false;
  }

  /** Whether `tryAcquire` would admit the same call, without taking anything. */
  check(key: string, cost = 1, now = this.#clock.now()): boolean {
    return this.retryAfterMs(key, cost, now) === 0;
  }

  /**
   * Milliseconds after `now` from which the same call is admitted: 0 if it is now, `Infinity` if it never will be.
   * `ahead` (default 0) is what others will have taken before it.
   */
  retryAfterMs(key: string, cost = 1, now = this.#clock.now(), ahead = 0): number {
    if (this.#closed) return Number.POSITIVE_INFINITY;
    if (this.#shadow || this.#isExempt(key)) return 0;
    const t = this.#open(key, now);
    const { limit } = this.#ledger;
    if (!gcra.isPossible(limit, cost)) return Number.POSITIVE_INFINITY;
    const tat = ahead > 0 ? gcra.charge(limit, this.#ledger.tat, ahead, t) : this.#ledger.tat;
    const own = gcra.admits(limit, tat, cost, t)
      ? 0
      : gcra.untilTime(gcra.admissionTime(limit, tat, cost), this.#start, now);
    return this.#parent === undefined ? own : Math.max(own, this.#parent.retryAfterMs(cost, now, ahead));
  }

  /** The highest cost that `key` can ever be admitted for. */
  maxCost(key: string): number {
    if (this.#isExempt(key)) return Number.POSITIVE_INFINITY;
    this.#open(key, this.#start);
    return Math.min(this.#ledger.limit.burst, this.#parent?.maxCost ?? Number.POSITIVE_INFINITY);
  }

  /** Tokens of its own that `key` can take now, with fractions, from 0 to its burst. */
  remaining(key: string, now = this.#clock.now()): number {
    if (this.#isExempt(key)) return Number.POSITIVE_INFINITY;
    const t = this.#open(key, now);
    return Math.max(0, this.#ledger.limit.burst - gcra.spent(this.#ledger.limit, this.#ledger.tat, t));
  }

  /**
   * Takes `ctx.cost` tokens of `key`, or rejects at once with `RejectedError`: per client nobody waits.
   * @throws RangeError (as a rejection) for what is no cost, or above what `key` can ever be admitted for.
   */
  async acquire(key: string, ctx: AdmissionOptions = NO_ADMISSION_OPTIONS): Promise<void> {
    this.#enter(key, ctx);
  }

  /** Calls `fn` if `key` is admitted, as `acquire` would be. Its result and its errors pass untouched. */
  execute<T>(key: string, fn: () => T | PromiseLike<T>): Promise<T>;
  execute<T, C extends AdmissionOptions>(key: string, fn: (ctx: C) => T | PromiseLike<T>, ctx: C): Promise<T>;
  async execute<T>(
    key: string,
    fn: (ctx: never) => T | PromiseLike<T>,
    ctx: AdmissionOptions = NO_ADMISSION_OPTIONS,
  ): Promise<T> {
    this.#enter(key, ctx);
    return fn(ctx as never);
  }

  /** One client as a limit of its own: for `AllOf`, for `compose`, or to pass on. Holds no state. */
  client(key: string): ClientBudget {
    return new ClientBudget(this, key);
  }

  /** Gives back `cost` tokens that `key` took and did not use, and the parent's. A full client stays full. */
  refund(key: string, cost = 1, now = this.#clock.now()): void {
    checkNonNegative('cost', cost);
    if (this.#isExempt(key)) return;
    const t = this.#open(key, now);
    this.#ledger.settle(gcra.giveBack(this.#ledger.limit, this.#ledger.tat, cost, t), t);
    this.#parent?.refund(cost, now);
  }

  /** Takes `cost` tokens of `key` whether they are there or not: what is missing has to come back first. */
  penalty(key: string, cost = 1, now = this.#clock.now()): void {
    checkNonNegative('cost', cost);
    const t = this.#open(key, now);
    this.#ledger.settle(gcra.charge(this.#ledger.limit, this.#ledger.tat, cost, t), t);
  }

  /** Admits nothing of `key` for `ms` milliseconds, and after them no more than its rate. */
  block(key: string, ms: number, now = this.#clock.now()): void {
    checkNonNegative('ms', ms);
    const t = this.#open(key, now);
    this.#ledger.settle(gcra.blockUntil(this.#ledger.limit, this.#ledger.tat, t + ms), t);
  }

  /** Makes `key` full, whatever it spent. */
  reset(key: string, now = this.#clock.now()): void {
    const t = this.#open(key, now);
    this.#ledger.settle(t, t);
  }

  /**
   * Changes the limit of a tier, or of those who have none, from now on; what is left out stays. What was spent stays
   * spent, in tokens. Walks the table once: some milliseconds for a million clients.
   * @throws TypeError or RangeError naming what is wrong; then nothing has changed.
   */
  setLimit(change: Partial<ClientLimitOptions>, tier = '', now = this.#clock.now()): void {
    const old = this.#ledger.limitOf(tier);
    const { rate = old.rate, intervalMs = old.intervalMs, burst } = checkOptions(change);
    const kept = old.burst > 0 && old.burst < Number.POSITIVE_INFINITY ? old.burst : undefined;
    const limit = createClientLimit({ rate, intervalMs, burst: burst ?? kept });
    this.#ledger.changeLimit(tier, limit, this.#time(now));
  }

  /** What to keep when the process ends. Clients appear only as hashes, but with the seed of the hash: keep it secret. */
  snapshot(now = this.#clock.now()): PerClientSnapshot {
    return this.#ledger.snapshot(this.#time(now));
  }

  /**
   * Goes on from a snapshot of a limiter with any `maxClients` and limits.
   * @param elapsedMs - how long ago it was taken, by whatever clock the caller trusts (>= 0). Default: 0.
   */
  restore(snapshot: PerClientSnapshot, elapsedMs = 0, now = this.#clock.now()): void {
    this.#ledger.restore(snapshot, checkNonNegative('elapsedMs', elapsedMs), this.#time(now));
  }

  /** How the limiter stands and what it has done. */
  stats(): PerClientRateLimiterStats {
    return {
      clients: this.#ledger.count(this.#time(this.#clock.now())),
      maxClients: this.#maxClients,
      bytes: this.#ledger.bytes,
      admitted: this.#admitted,
      refused: this.#refused,
      shadowed: this.#shadowed,
      offenders: this.#offenders.top(),
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

  #take(key: string, cost: number, now: number): boolean {
    if (this.#isExempt(key)) return true;
    const ledger = this.#ledger;
    const t = this.#open(key, now);
    const { limit, tat } = ledger;
    const admitted =
      gcra.isPossible(limit, cost) &&
      gcra.admits(limit, tat, cost, t) &&
      (this.#parent === undefined || this.#parent.tryAcquire(cost, now));
    if (admitted) ledger.settle(gcra.charge(limit, tat, cost, t), t);
    else this.#offenders.add(key, ledger.low, ledger.high);
    return admitted;
  }

  #enter(key: string, ctx: AdmissionOptions): void {
    const { cost = 1 } = ctx;
    const now = this.#clock.now();
    const over = refusalAtEntry(ctx, this.#clock, this.name);
    if (over === undefined && this.tryAcquire(key, cost, now)) return;
    if (over !== undefined) {
      this.#refused++;
      throw over;
    }
    if (this.#closed) throw new RejectedError('SHUTTING_DOWN', this.name);
    const maxCost = this.maxCost(key);
    if (!(cost >= 0 && cost <= maxCost) && maxCost > 0) {
      throw new RangeError(`cost must be a number from 0 to ${maxCost}, got ${cost}`);
    }
    const retryAfterMs = this.retryAfterMs(key, cost, now);
    throw new RejectedError(
      'RATE_LIMITED',
      this.name,
      Number.isFinite(retryAfterMs) ? { retryAfterMs } : undefined,
    );
  }

  #isExempt(key: string): boolean {
    return this.#allow.size > 0 && this.#allow.has(key);
  }

  /** Turns the ledger to `key` and returns the present as the ledger counts it. */
  #open(key: string, now: number): number {
    const t = this.#time(now);
    this.#ledger.open(key, t);
    return t;
  }

  #time(now: number): number {
    return now > this.#start ? now - this.#start : 0;
  }
}
