import type { CallContext, DrainOptions, Policy, RejectedError, Unsubscribe } from '@bp/core';
import { checkDrainOptions, checkNonNegative, checkOptions, EMPTY_CONTEXT } from '@bp/core/kit';
import type { Budget, BudgetChange } from '../budget.ts';
import { ClientBudget } from './client-budget.ts';
import { KeyedLimiter } from './keyed-limiter.ts';
import {
  type ClientLimitOptions,
  LIMIT_OPTIONS,
  type PerClientRateLimiterOptions,
  resolveClientLimit,
  resolvePerClientOptions,
} from './options.ts';
import type { PerClientSnapshot } from './snapshot.ts';
import type { TopKey } from './top-keys.ts';

/** The state and the counters of a per-client limiter. */
export interface PerClientRateLimiterStats {
  /** Clients with a debt. Counting them walks the table: a few milliseconds for a million clients. */
  readonly keys: number;
  /** The option `maxKeys`. */
  readonly maxKeys: number;
  /** The size of the table in bytes. */
  readonly bytes: number;
  /** Calls admitted so far. */
  readonly admitted: number;
  /** Calls rejected so far. */
  readonly rejected: number;
  /** Calls admitted only because of `shadow`; they are not among `admitted` and took nothing. */
  readonly shadowed: number;
  /** The most rejected clients, the most often rejected first; `TopKey` says how exact the counts are. */
  readonly offenders: readonly TopKey[];
}

/**
 * A token bucket for every client, in memory that is allocated at once and never grows. The client of a call is `ctx.key`; calls
 * without a key are one client. A client without a debt is forgotten, which changes no decision. With more than `maxKeys`
 * clients in debt the ones with the least debt share an overflow debt: some are then rejected earlier than necessary, but no
 * client is ever admitted above its limit.
 *
 * `now` in all methods is the clock's time, for callers that have read it already. Time that goes backwards grants nothing.
 */
export class PerClientRateLimiter implements Budget, Policy {
  /** The name of the limiter in rejections. */
  readonly name: string;
  readonly #limiter: KeyedLimiter;
  readonly #maxKeys: number;

  /** @throws TypeError or RangeError naming the first wrong option. */
  constructor(options: PerClientRateLimiterOptions) {
    const resolved = resolvePerClientOptions(options);
    this.name = resolved.name;
    this.#limiter = new KeyedLimiter(resolved);
    this.#maxKeys = resolved.maxKeys;
  }

  /**
   * Takes `ctx.cost` tokens (>= 0, fractions too) of the client `ctx.key` if they are available. Never throws: it rejects a key
   * that is not a string and an invalid cost. A rejection allocates nothing unless there is an `onRejected` listener.
   */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): boolean {
    return this.#limiter.tryAcquire(keyOf(ctx), ctx, now);
  }

  /**
   * Takes `ctx.cost` tokens of `ctx.key` or rejects at once; calls never wait here. Rejects with a `RejectedError`, with a
   * RangeError for a cost that is invalid or above the configured maximum, and with a TypeError for a key that is not a string.
   */
  async acquire(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    this.#limiter.enter(keyOf(ctx), ctx);
  }

  /** Calls `fn` if `acquire` admits the call. The result and the errors of `fn` pass through untouched. */
  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    this.#limiter.enter(keyOf(ctx), ctx);
    return fn(ctx);
  }

  /** Returns the rejection with which `acquire` would reject the call now, or undefined. Takes and counts nothing. */
  check(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): RejectedError | undefined {
    return this.#limiter.check(keyOf(ctx), ctx, now);
  }

  /**
   * Returns the milliseconds after `now` from which the call is admitted, exactly: 0 if it is now, `Infinity` if it never is.
   * @param ahead - tokens that other calls take before this one. Default: 0.
   */
  retryAfterMs(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now(), ahead = 0): number {
    return this.#limiter.retryAfterMs(keyOf(ctx), ctx, now, ahead);
  }

  /** Returns the highest cost that can be admitted for `ctx.key` at present. */
  maxCost(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#limiter.maxCost(keyOf(ctx), ctx);
  }

  /** Returns the tokens that `key` can take now, with fractions, from 0 to its burst. Ignores the parent and blocks. */
  remaining(key: string, now = this.#limiter.clock.now()): number {
    return this.#limiter.remaining(key, now);
  }

  /**
   * Gives back `ctx.cost` tokens that `ctx.key` took and did not use, to the parent too. A full bucket stays full.
   * @throws TypeError or RangeError for an invalid key or cost; so do the methods below.
   */
  refund(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): void {
    this.#limiter.refund(keyOf(ctx), ctx, now);
  }

  undo(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): void {
    this.#limiter.undo(keyOf(ctx), ctx, now);
  }

  /** Takes `ctx.cost` tokens of `ctx.key` whether they are available or not: missing tokens have to come back first. */
  penalty(ctx: CallContext = EMPTY_CONTEXT, now = this.#limiter.clock.now()): void {
    this.#limiter.penalty(keyOf(ctx), ctx, now);
  }

  /**
   * Admits no call of `key` for exactly `ms` milliseconds (>= 0; `Infinity`: until `reset`). Tokens come back meanwhile. No
   * change of a limit or tier shortens the block, and a later, shorter block does not either. With more than `maxKeys` blocks
   * the one that ends first is dropped.
   */
  block(key: string, ms: number, now = this.#limiter.clock.now()): void {
    this.#limiter.block(key, ms, now);
  }

  /** Fills the bucket of `key` and ends its block. A client without an entry keeps the overflow debt. */
  reset(key: string, now = this.#limiter.clock.now()): void {
    this.#limiter.reset(key, now);
  }

  /** Returns one client as a limit of its own: for `AllOf` and `compose`. It holds no state. */
  client(key: string): ClientBudget {
    return new ClientBudget(this.#limiter, key);
  }

  /**
   * Changes the limit of a tier, or of the clients without one, from now on; fields that are left out stay. Spent tokens stay
   * spent. Walks the table once: a few milliseconds for a million clients.
   * @throws TypeError or RangeError naming the wrong option or tier; then nothing has changed.
   */
  setLimit(change: Partial<ClientLimitOptions>, tier = '', now = this.#limiter.clock.now()): void {
    const { states, changes } = this.#limiter;
    const old = states.limitOf(tier);
    const { rate = old.rate, intervalMs = old.intervalMs, burst } = checkOptions(change, LIMIT_OPTIONS);
    const kept = old.burst > 0 && old.burst < Number.POSITIVE_INFINITY ? old.burst : undefined;
    states.changeLimit(tier, resolveClientLimit({ rate, intervalMs, burst: burst ?? kept }), now);
    changes.emit('limit');
  }

  /** Calls `listener` after every change that may admit a call of any client at another time. */
  onChange(listener: (change: BudgetChange) => void): Unsubscribe {
    return this.#limiter.changes.onChange(listener);
  }

  /** Calls `listener` with every rejection. Without listeners it costs nothing. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#limiter.onRejected(listener);
  }

  /**
   * Returns the state to keep when the process ends. Clients appear only as hashes, but together with the seed of the hash:
   * keep it secret.
   */
  snapshot(now = this.#limiter.clock.now()): PerClientSnapshot {
    return this.#limiter.states.snapshot(now);
  }

  /**
   * Replaces the state by the snapshot of a limiter with any `maxKeys` and limits.
   * @param elapsedMs - the age of the snapshot, by a clock that the caller trusts (>= 0). Default: 0.
   * @throws TypeError or RangeError for an invalid snapshot; then nothing has changed.
   */
  restore(snapshot: PerClientSnapshot, elapsedMs = 0, now = this.#limiter.clock.now()): void {
    this.#limiter.states.restore(snapshot, checkNonNegative('elapsedMs', elapsedMs), now);
    this.#limiter.changes.emit('tokens');
  }

  /** Returns a snapshot of gauges and counters. */
  stats(): PerClientRateLimiterStats {
    const { states, offenders, admitted, rejected, shadowed, clock } = this.#limiter;
    return {
      keys: states.count(clock.now()),
      maxKeys: this.#maxKeys,
      bytes: states.bytes,
      admitted,
      rejected,
      shadowed,
      offenders: offenders.top(),
    };
  }

  /** Rejects every call from now on. Resolves at once, because calls never wait here. */
  async close(options: DrainOptions = {}): Promise<void> {
    checkDrainOptions(options);
    this.#limiter.close();
  }

  /** Does the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The client of a call; calls without a key are one client. */
function keyOf(ctx: CallContext): string {
  return ctx.key ?? '';
}
