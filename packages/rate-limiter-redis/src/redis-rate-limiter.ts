import { type CallContext, type DrainOptions, type Policy, RejectedError, type Unsubscribe } from '@bp/core';
import { Closing, EMPTY_CONTEXT, isOver, Rejections, rejectionAtEntry, rejectionIfOver } from '@bp/core/kit';
import { checkCost, checkKey, hasValidFields } from './calls/call-fields.ts';
import { PendingCalls } from './calls/pending-calls.ts';
import { Decider, type Decision } from './decisions/decider.ts';
import { StoreRequests } from './decisions/store-requests.ts';
import { KeyState } from './keys/key-state.ts';
import { KeyTable } from './keys/key-table.ts';
import { localLimit } from './keys/local-allowance.ts';
import { toTokens, toUnits } from './limit/units.ts';
import {
  type RedisRateLimiterOptions,
  type ResolvedRedisRateLimiterOptions,
  resolveOptions,
} from './options.ts';
import { SharedBucket, type StoreChange, type StoreState } from './store/shared-bucket.ts';
import { isLong, StoreKeys } from './store/store-keys.ts';

const NEVER = { retryAfterMs: Number.POSITIVE_INFINITY };

/** A snapshot of a `RedisRateLimiter`: gauges and counters that only grow. */
export interface RedisRateLimiterStats {
  /** Whether the store decides, or this instance by `whenUnavailable`. */
  readonly store: StoreState;
  /** Keys whose state is held in this instance. */
  readonly keys: number;
  /** Calls that wait for the store. */
  readonly queued: number;
  readonly admitted: number;
  readonly rejected: number;
  /** Requests sent to the store, and how many of them brought no decision. */
  readonly roundTrips: number;
  readonly failedRoundTrips: number;
  /** The smoothed time from a request to its reply; 0 before the first. */
  readonly roundTripMs: number;
  /** Calls that `whenUnavailable` decided. */
  readonly decidedLocally: number;
}

/**
 * Limits the rate of each key over any number of instances, through Redis or Valkey.
 *
 * In `strict` mode every decision is one round trip. In `leased` mode (the default) an instance debits tokens in batches,
 * sized by the demand that it sees, before it spends any. In any window of `w` milliseconds all instances together admit
 * at most `burst + rate * w / intervalMs`; where a round trip takes longer than `leaseMs` (0 in strict mode), `w` is longer by
 * that difference. Source: GCRA (ITU-T I.371); leases as in YouTube's Doorman.
 *
 * A call that waits for the store keeps the process alive, at most for `storeTimeoutMs`.
 */
export class RedisRateLimiter implements Policy {
  readonly #options: ResolvedRedisRateLimiterOptions;
  readonly #storeKeys: StoreKeys;
  readonly #bucket: SharedBucket;
  readonly #decider: Decider;
  readonly #requests: StoreRequests;
  readonly #keys: KeyTable<KeyState>;
  /** Serves all keys for which the table has no room. */
  readonly #overflow: KeyState;
  readonly #pending: PendingCalls;
  readonly #rejections: Rejections;
  readonly #closing: Closing;
  #admitted = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RedisRateLimiterOptions) {
    const resolved = resolveOptions(options);
    const { clock, name, limit, localShare, localStart, maxKeys, prefix } = resolved;
    const local = localLimit(limit, localShare, localStart);
    this.#options = resolved;
    this.#storeKeys = new StoreKeys(prefix, name);
    this.#bucket = new SharedBucket(resolved);
    this.#decider = new Decider(resolved, this.#bucket);
    this.#requests = new StoreRequests(resolved, this.#bucket, this.#decider);
    this.#overflow = new KeyState(limit, local, clock.now(), true);
    this.#keys = new KeyTable(
      maxKeys,
      () => new KeyState(limit, local, clock.now()),
      (state) => state.isForgettable(this.#bucket.state === 'available', this.#bucket.outageAt, clock.now()),
    );
    this.#rejections = new Rejections(name);
    this.#pending = new PendingCalls(clock, name, () => this.#closing.settleIfIdle());
    this.#closing = new Closing({
      clock,
      isIdle: () => this.#pending.size === 0,
      cancelRest: () => this.#pending.rejectAll('SHUTTING_DOWN'),
    });
    this.#bucket.onChange(({ to }) => {
      if (to === 'available') void this.#requests.reportDebts(this.#keys.entries());
    });
  }

  /** Returns the highest cost of a call. */
  maxCost(): number {
    return toTokens(this.#options.limit.capacity);
  }

  /**
   * Takes `ctx.cost` tokens (default 1) of `ctx.key` (default: one key that all such calls share). Waits for the store
   * if it must, at most `storeTimeoutMs`; never for tokens.
   *
   * Rejects with a `RejectedError`: `RATE_LIMITED` with the time after which the call would be admitted, `QUEUE_FULL`,
   * `DEADLINE_EXCEEDED`, `CANCELLED` or `SHUTTING_DOWN`. Rejects with a `RangeError` for a cost that is not above 0 or is
   * above {@link RedisRateLimiter.maxCost}, and with a `TypeError` for a key that is no string. A key of any length will do.
   */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const units = toUnits(checkCost(ctx, this.maxCost()));
    const key = checkKey(ctx);
    const storeKey = isLong(key) ? await this.#storeKeys.ofLong(key) : this.#storeKeys.of(key);
    const rejection = this.#rejectionAtEntry(ctx) ?? (await this.#decideOrWait(storeKey, units, ctx));
    if (rejection !== undefined) throw this.#rejections.record(rejection);
    this.#admitted++;
  }

  /**
   * Runs `fn` if {@link RedisRateLimiter.acquire} admits the call; its result and its errors pass untouched. If `ctx` ends
   * between the admission and the call of `fn`, it rejects instead, and the tokens stay spent.
   */
  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    await this.acquire(ctx);
    // The call may have ended between its admission and this microtask.
    const over = rejectionIfOver(ctx, this.#options.clock, this.#options.name);
    if (over !== undefined) {
      this.#admitted--;
      throw this.#rejections.record(over);
    }
    return fn(ctx);
  }

  /**
   * Takes tokens only if this instance can decide at once: from its lease, or locally while the store is unavailable. Else
   * it asks for a batch, so that later calls may be admitted, and rejects. Where nothing is lent (`strict`, `leaseMs` of 0, keys of
   * more than 200 characters) it rejects every call while the store is available. Never throws.
   */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT, now: number = this.#options.clock.now()): boolean {
    const { clock, name } = this.#options;
    const { key = '', cost = 1 } = ctx;
    if (!hasValidFields(ctx, this.maxCost()) || isLong(key)) {
      this.#rejections.recordLazily(() => new RejectedError('RATE_LIMITED', name, NEVER));
      return false;
    }
    if (this.#closing.started || isOver(ctx, clock)) {
      const shuttingDown = (): RejectedError => new RejectedError('SHUTTING_DOWN', name);
      this.#rejections.recordLazily(() => rejectionIfOver(ctx, clock, name) ?? shuttingDown());
      return false;
    }
    const storeKey = this.#storeKeys.of(key);
    const state = this.#stateOf(storeKey);
    const units = toUnits(cost);
    const decision = this.#decide(state, storeKey, units, now);
    if (decision === 'admit') {
      this.#admitted++;
      return true;
    }
    if (decision === 'ask') {
      state.demand.record(units, now);
      this.#requests.refill(state, storeKey, units, now);
    }
    this.#rejections.recordLazily(
      () => this.#decider.peek(state, units, now) ?? new RejectedError('RATE_LIMITED', name),
    );
    return false;
  }

  /**
   * Returns the rejection with which `acquire` would reject now, as far as this instance knows without a round trip; undefined
   * if it would admit the call or ask the store. Takes nothing and counts nothing. Never throws: a wrong cost or key is
   * `RATE_LIMITED` with a `retryAfterMs` of `Infinity`.
   */
  check(
    ctx: CallContext = EMPTY_CONTEXT,
    now: number = this.#options.clock.now(),
  ): RejectedError | undefined {
    const { clock, name } = this.#options;
    const { key = '', cost = 1 } = ctx;
    const over = rejectionIfOver(ctx, clock, name);
    if (over !== undefined) return over;
    if (this.#closing.started) return new RejectedError('SHUTTING_DOWN', name);
    if (!hasValidFields(ctx, this.maxCost())) return new RejectedError('RATE_LIMITED', name, NEVER);
    // The store key of a long key takes a digest, which is asynchronous.
    if (isLong(key)) return undefined;
    return this.#decider.peek(this.#stateOf(this.#storeKeys.of(key)), toUnits(cost), now);
  }

  /** Calls `listener` with every rejection. Without listeners it costs nothing. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  /** Calls `listener` when the store becomes unavailable or available again. */
  onStoreChange(listener: (change: StoreChange) => void): Unsubscribe {
    return this.#bucket.onChange(listener);
  }

  /** Returns a snapshot. */
  stats(): RedisRateLimiterStats {
    const { state, roundTrips, failures, roundTripMs } = this.#bucket;
    return {
      store: state,
      keys: this.#keys.size,
      queued: this.#pending.size,
      admitted: this.#admitted,
      rejected: this.#rejections.count,
      roundTrips,
      failedRoundTrips: failures,
      roundTripMs,
      decidedLocally: this.#decider.decidedLocally,
    };
  }

  /**
   * Rejects all new calls with `SHUTTING_DOWN`. Resolves when no call waits for the store any more; when `withinMs` has
   * passed, the calls that still wait are rejected too. Keeps the process alive until then. The client stays open: its owner
   * closes it. Idempotent.
   */
  async close(options?: DrainOptions): Promise<void> {
    await this.#closing.close(options);
    this.#keys.clear();
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The state of a key; the overflow state if the table has no room. */
  #stateOf(storeKey: string): KeyState {
    return this.#keys.obtain(storeKey) ?? this.#overflow;
  }

  #rejectionAtEntry(ctx: CallContext): RejectedError | undefined {
    const { clock, name } = this.#options;
    const over = rejectionAtEntry(ctx, clock, name);
    return over ?? (this.#closing.started ? new RejectedError('SHUTTING_DOWN', name) : undefined);
  }

  /** Resolves to the rejection, or to undefined if the call is admitted. */
  #decideOrWait(
    storeKey: string,
    units: number,
    ctx: CallContext,
  ): RejectedError | undefined | Promise<RejectedError | undefined> {
    const { clock, name, maxQueue } = this.#options;
    const now = clock.now();
    const state = this.#stateOf(storeKey);
    const decision = this.#decide(state, storeKey, units, now);
    if (decision === 'admit') return undefined;
    if (decision === 'reject') return this.#decider.rejection(state, units, now);
    if (Math.max(this.#pending.size, this.#requests.underWay) >= maxQueue) {
      return new RejectedError('QUEUE_FULL', name);
    }
    return this.#pending.wait(units, ctx, (call) => this.#requests.ask(state, storeKey, call));
  }

  #decide(state: KeyState, storeKey: string, units: number, now: number): Decision {
    const decision = this.#decider.decide(state, units, now);
    if (decision !== 'ask') state.demand.record(units, now);
    if (this.#bucket.state === 'unavailable') this.#requests.probeIfDue(state, storeKey);
    else if (decision === 'admit') this.#requests.refillIfLow(state, storeKey, units, now);
    return decision;
  }
}
