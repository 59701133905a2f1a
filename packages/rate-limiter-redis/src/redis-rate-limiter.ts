import { type CallContext, RejectedError, type Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry, watchContext } from '@bp/core/kit';
import { PerClientRateLimiter } from '@bp/rate-limiter';
import type { DebitLimit } from './debit-script.ts';
import type { Lease } from './lease.ts';
import { Leases } from './leases.ts';
import {
  type RedisRateLimiterOptions,
  type ResolvedRedisRateLimiterOptions,
  resolveOptions,
} from './options.ts';
import { SharedBucket, type StoreState } from './shared-bucket.ts';

const MAX_KEY_LENGTH = 512;

/** What happened when the store went away or came back. */
export interface StoreChange {
  readonly from: StoreState;
  readonly to: StoreState;
}

/** A snapshot of a `RedisRateLimiter`: gauges and counters that only grow. */
export interface RedisRateLimiterStats {
  /** Whether the store decides, or this instance alone because the store is away. */
  readonly store: StoreState;
  /** Keys whose lease or rejection is remembered. */
  readonly keys: number;
  readonly admitted: number;
  readonly rejected: number;
  /** Commands sent to the store. */
  readonly roundTrips: number;
  /** Decisions made without the store because it was away. */
  readonly decidedAway: number;
}

/**
 * One limit for each key over any number of instances, kept in Redis or Valkey.
 *
 * In `strict` mode every decision is one round trip. In `leased` mode (the default) an instance debits permits in
 * batches, sized by how fast it spends them, before it spends any; what is out never passes the limit, whatever
 * crashes, and what is not spent comes back by expiry.
 */
export class RedisRateLimiter {
  readonly #options: ResolvedRedisRateLimiterOptions;
  readonly #bucket: SharedBucket;
  readonly #leases: Leases;
  readonly #local: PerClientRateLimiter;
  readonly #limit: DebitLimit;
  /** The most a single call may cost, in permits. */
  readonly #largest: number;
  #closed = false;
  #admitted = 0;
  #rejected = 0;
  #decidedAway = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RedisRateLimiterOptions) {
    const resolved = resolveOptions(options);
    const { rate, intervalMs, burst, leaseMs, mode, localShare, name, clock, maxKeys } = resolved;
    this.#options = resolved;
    this.#bucket = new SharedBucket(resolved);
    this.#leases = new Leases(maxKeys);
    this.#local = new PerClientRateLimiter({
      rate: rate * localShare,
      intervalMs,
      burst: burst * localShare,
      maxKeys: maxKeys,
      name,
      clock,
    });
    this.#largest = mode === 'strict' ? burst : burst - (rate * leaseMs) / intervalMs;
    const microsPerPermit = (intervalMs * 1000) / rate;
    this.#limit = { microsPerPermit, toleranceMicros: this.#largest * microsPerPermit };
  }

  /**
   * Takes `ctx.cost` permits (default 1) of `key`, or rejects at once: it never waits for permits, only for the store.
   *
   * Rejects with a `RejectedError` of code `RATE_LIMITED` and the time after which the call would be admitted, or
   * `DEADLINE_EXCEEDED`, `CANCELLED`, `SHUTTING_DOWN`; with a `RangeError` if the cost is above what can ever be
   * admitted or the key is not a string of 1 to 512 characters.
   */
  async acquire(key: string, ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const cost = this.#checkCall(key, ctx);
    const over = rejectionAtEntry(ctx, this.#options.clock, this.#options.name);
    if (over !== undefined) throw this.#count(over);
    if (this.#closed) throw this.#count(new RejectedError('SHUTTING_DOWN', this.#options.name));

    const rejection = await this.#whileWanted(ctx, this.#decide(key, cost));
    if (rejection !== undefined) throw this.#count(rejection);
    this.#admitted++;
  }

  /** Runs `fn` if {@link RedisRateLimiter.acquire} admits it; its result and its errors pass untouched. */
  async execute<T>(
    key: string,
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    await this.acquire(key, ctx);
    return fn(ctx);
  }

  /** Calls `listener` when the store goes away or comes back. */
  onStoreChange(listener: (change: StoreChange) => void): Unsubscribe {
    return this.#bucket.onChange(listener);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): RedisRateLimiterStats {
    return {
      store: this.#bucket.state,
      keys: this.#leases.size,
      admitted: this.#admitted,
      rejected: this.#rejected,
      roundTrips: this.#bucket.roundTrips,
      decidedAway: this.#decidedAway,
    };
  }

  /** Rejects whatever comes from now on. The client is its owner's to close. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#leases.clear();
    await this.#local.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkCall(key: string, ctx: CallContext): number {
    if (typeof key !== 'string' || key.length < 1 || key.length > MAX_KEY_LENGTH) {
      throw new RangeError(`key must be a string of 1 to ${MAX_KEY_LENGTH} characters`);
    }
    const { cost = 1 } = ctx;
    if (!(cost > 0 && cost <= this.#largest)) {
      throw new RangeError(`cost must be above 0 and at most ${this.#largest}, got ${cost}`);
    }
    return cost;
  }

  /** Undefined to admit, else why not. */
  async #decide(key: string, cost: number): Promise<RejectedError | undefined> {
    const lease =
      this.#options.mode === 'leased' ? this.#leases.of(key, this.#options.clock.now()) : undefined;
    if (lease === undefined) {
      const debit = await this.#bucket.debit(this.#options.prefix + key, this.#limit, cost, cost);
      if (debit === undefined) return this.#decideAway(key, cost);
      return debit.granted > 0 ? undefined : this.#rateLimited(debit.retryAfterMs);
    }
    // Whoever finds the lease empty waits for a refill; one that others used up meanwhile is not the last word.
    for (;;) {
      const now = this.#options.clock.now();
      if (lease.trySpend(cost, now)) {
        if (lease.isLow()) void this.#refill(key, lease, 1);
        return undefined;
      }
      const rejectedForMs = lease.rejectedForMs(cost, now);
      if (rejectedForMs > 0) return this.#rateLimited(rejectedForMs);
      if (!(await this.#refill(key, lease, cost))) return this.#decideAway(key, cost);
    }
  }

  /** Asks for the next batch, unless that is under way. Resolves to whether the store has answered. */
  #refill(key: string, lease: Lease, least: number): Promise<boolean> {
    lease.refill ??= this.#askForBatch(key, lease, least).finally(() => {
      lease.refill = undefined;
    });
    return lease.refill;
  }

  async #askForBatch(key: string, lease: Lease, least: number): Promise<boolean> {
    const { clock, leaseMs, prefix } = this.#options;
    const askedAt = clock.now();
    const most = lease.nextBatch(least, this.#largest, leaseMs, askedAt);
    const debit = await this.#bucket.debit(prefix + key, this.#limit, least, most);
    if (debit === undefined) return false;
    if (debit.granted > 0) lease.receive(debit.granted, askedAt + leaseMs);
    else lease.reject(least, clock.now() + debit.retryAfterMs);
    return true;
  }

  #decideAway(key: string, cost: number): RejectedError | undefined {
    this.#decidedAway++;
    if (this.#options.whenAway === 'open') return undefined;
    if (this.#options.whenAway === 'closed') return this.#rateLimited(this.#bucket.retryAfterMs());
    const ctx = { key, cost };
    return this.#local.tryAcquire(ctx) ? undefined : this.#rateLimited(this.#local.retryAfterMs(ctx));
  }

  #rateLimited(retryAfterMs: number | undefined): RejectedError {
    return new RejectedError('RATE_LIMITED', this.#options.name, { retryAfterMs });
  }

  /** The decision, or the end of the call if that comes first: what the store then grants is not spent. */
  #whileWanted(
    ctx: CallContext,
    decision: Promise<RejectedError | undefined>,
  ): Promise<RejectedError | undefined> {
    if (ctx.onDone === undefined && ctx.signal === undefined && ctx.deadline === undefined) return decision;
    return new Promise((resolve, reject) => {
      const stop = watchContext(ctx, this.#options.clock, this.#options.name, resolve);
      decision.then(resolve, reject).finally(() => stop?.());
    });
  }

  #count(rejection: RejectedError): RejectedError {
    this.#rejected++;
    return rejection;
  }
}
