import type { Clock } from '@bp/core';
import { checkNonNegative, checkOptions } from '@bp/core/kit';
import type { Budget } from './budget.ts';
import * as gcra from './gcra.ts';
import { Ledger } from './ledger.ts';
import {
  type ClientLimitOptions,
  createClientLimit,
  type ResolvedPerClientOptions,
} from './per-client-options.ts';
import type { PerClientSnapshot } from './per-client-snapshot.ts';

/** What each client has spent, and all that changes it by hand. */
export abstract class ClientAccounts {
  /** What the limiter is called in rejections. */
  readonly name: string;
  protected readonly clock: Clock;
  protected readonly ledger: Ledger;
  protected readonly parent: Budget | undefined;
  protected readonly start: number;
  readonly #allow: ReadonlySet<string>;

  constructor(options: ResolvedPerClientOptions) {
    this.name = options.name;
    this.clock = options.clock;
    this.start = options.clock.now();
    this.ledger = new Ledger(options);
    this.parent = options.parent;
    this.#allow = options.allow;
  }

  /** The highest cost that `key` can ever be admitted for. */
  maxCost(key: string): number {
    if (this.isExempt(key)) return Number.POSITIVE_INFINITY;
    this.open(key, this.clock.now());
    return Math.min(this.ledger.limit.burst, this.parent?.maxCost ?? Number.POSITIVE_INFINITY);
  }

  /** Tokens of its own that `key` can take now, with fractions, from 0 to its burst. */
  remaining(key: string, now = this.clock.now()): number {
    if (this.isExempt(key)) return Number.POSITIVE_INFINITY;
    const t = this.open(key, now);
    return Math.max(0, this.ledger.limit.burst - gcra.spent(this.ledger.limit, this.ledger.tat, t));
  }

  /** Gives back `cost` tokens that `key` took and did not use, and the parent's. A full client stays full. */
  refund(key: string, cost = 1, now = this.clock.now()): void {
    checkNonNegative('cost', cost);
    if (this.isExempt(key)) return;
    const t = this.open(key, now);
    this.ledger.settle(gcra.giveBack(this.ledger.limit, this.ledger.tat, cost, t), t);
    this.parent?.refund(cost, now);
  }

  /** Takes `cost` tokens of `key` whether they are there or not: what is missing has to come back first. */
  penalty(key: string, cost = 1, now = this.clock.now()): void {
    checkNonNegative('cost', cost);
    const t = this.open(key, now);
    this.ledger.settle(gcra.charge(this.ledger.limit, this.ledger.tat, cost, t), t);
  }

  /**
   * Admits nothing of `key` for `ms` milliseconds, and after them no more than its rate: a penalty given in time. (At an
   * infinite rate it has no measure in tokens, so a snapshot or a change of limit ends it.)
   */
  block(key: string, ms: number, now = this.clock.now()): void {
    checkNonNegative('ms', ms);
    const t = this.open(key, now);
    this.ledger.settle(gcra.blockUntil(this.ledger.limit, this.ledger.tat, t + ms), t);
  }

  /** Makes `key` full, whatever it spent. A client that is not told apart stays with its account. */
  reset(key: string, now = this.clock.now()): void {
    const t = this.open(key, now);
    this.ledger.settle(t, t);
  }

  /**
   * Changes the limit of a tier, or of those who have none, from now on; what is left out stays. What was spent stays
   * spent, in tokens. Walks the table once: some milliseconds for a million clients.
   * @throws TypeError or RangeError naming what is wrong; then nothing has changed.
   */
  setLimit(change: Partial<ClientLimitOptions>, tier = '', now = this.clock.now()): void {
    const old = this.ledger.limitOf(tier);
    const { rate = old.rate, intervalMs = old.intervalMs, burst } = checkOptions(change);
    const kept = old.burst > 0 && old.burst < Number.POSITIVE_INFINITY ? old.burst : undefined;
    this.ledger.changeLimit(
      tier,
      createClientLimit({ rate, intervalMs, burst: burst ?? kept }),
      this.time(now),
    );
  }

  /** What to keep when the process ends. Clients appear only as hashes, but with the seed of the hash: keep it secret. */
  snapshot(now = this.clock.now()): PerClientSnapshot {
    return this.ledger.snapshot(this.time(now));
  }

  /**
   * Goes on from a snapshot of a limiter with any `maxKeys` and limits, instead of from what is known here.
   * @param elapsedMs - how long ago it was taken, by whatever clock the caller trusts (>= 0). Default: 0.
   * @throws TypeError or RangeError if it is no snapshot; then nothing has changed.
   */
  restore(snapshot: PerClientSnapshot, elapsedMs = 0, now = this.clock.now()): void {
    this.ledger.restore(snapshot, checkNonNegative('elapsedMs', elapsedMs), this.time(now));
  }

  /** Whether `key` is on the allow list. */
  protected isExempt(key: string): boolean {
    return this.#allow.size > 0 && this.#allow.has(key);
  }

  /** Turns the ledger to `key` and returns the present as the ledger counts it. */
  protected open(key: string, now: number): number {
    const t = this.time(now);
    this.ledger.open(key, t);
    return t;
  }

  protected time(now: number): number {
    return now > this.start ? now - this.start : 0;
  }
}
