import { type CallContext, type Clock, RejectedError, type Unsubscribe } from '@bp/core';
import {
  checkNonNegative,
  checkNonNegativeOrInfinity,
  isOver,
  Rejections,
  rejectionAtEntry,
  rejectionIfOver,
} from '@bp/core/kit';
import type { Budget } from '../budget.ts';
import * as gcra from '../gcra/gcra.ts';
import { checkCost, costOf, neverAdmitted, rejectionBy, shuttingDown } from '../rejection.ts';
import { KeyChanges } from './key-changes.ts';
import { KeyStates } from './key-states.ts';
import type { ResolvedPerClientOptions } from './options.ts';
import { TopKeys } from './top-keys.ts';

/** Decides about calls whose key is given apart from their context. */
export class KeyedLimiter {
  readonly name: string;
  readonly clock: Clock;
  readonly states: KeyStates;
  readonly changes: KeyChanges;
  readonly offenders: TopKeys;
  readonly #rejections: Rejections;
  readonly #parent: Budget | undefined;
  readonly #allow: ReadonlySet<string>;
  readonly #shadow: boolean;
  /** The highest `maxCost` that the parent has reported. */
  #parentMaxCost: number;
  admitted = 0;
  shadowed = 0;
  #closed = false;

  constructor(options: ResolvedPerClientOptions) {
    const { name, clock, parent, allow, shadow, maxOffenders } = options;
    this.name = name;
    this.clock = clock;
    this.states = new KeyStates(options);
    this.changes = new KeyChanges(parent);
    this.offenders = new TopKeys(maxOffenders);
    this.#rejections = new Rejections(name);
    this.#parent = parent;
    this.#allow = allow;
    this.#shadow = shadow;
    this.#parentMaxCost = parent?.maxCost() ?? Number.POSITIVE_INFINITY;
  }

  get rejected(): number {
    return this.#rejections.count;
  }

  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  tryAcquire(key: string, ctx: CallContext, now: number): boolean {
    if (!isOver(ctx, this.clock) && this.#admit(key, ctx, now)) return true;
    if (this.#rejections.isObserved) this.#rejections.record(this.#rejection(key, ctx, now));
    else this.#rejections.count++;
    return false;
  }

  check(key: string, ctx: CallContext, now: number): RejectedError | undefined {
    if (!isOver(ctx, this.clock) && this.retryAfterMs(key, ctx, now, 0) === 0) return undefined;
    return this.#rejection(key, ctx, now);
  }

  retryAfterMs(key: string, ctx: CallContext, now: number, ahead: number): number {
    if (this.#closed) return Number.POSITIVE_INFINITY;
    if (this.#shadow) return 0;
    if (typeof key !== 'string') return Number.POSITIVE_INFINITY;
    if (this.#allow.has(key)) return 0;
    const own = this.#ownWaitMs(key, ctx, now, ahead);
    return this.#parent === undefined ? own : Math.max(own, this.#parent.retryAfterMs(ctx, now, ahead));
  }

  /** Admits the call. @throws the rejection, or TypeError or RangeError for a wrong context. */
  enter(key: string, ctx: CallContext): void {
    const over = rejectionAtEntry(ctx, this.clock, this.name);
    if (over !== undefined) throw this.#rejections.record(over);
    checkKey(key);
    const now = this.clock.now();
    if (this.#admit(key, ctx, now)) return;
    if (!this.#closed) checkCost(costOf(ctx), this.#highestCost(key, ctx, now));
    throw this.#rejections.record(this.#rejection(key, ctx, now));
  }

  maxCost(key: string, ctx: CallContext): number {
    if (this.#allow.has(checkKey(key))) return Number.POSITIVE_INFINITY;
    this.states.open(key, this.clock.now());
    return Math.min(this.states.limit.burst, this.#parent?.maxCost(ctx) ?? Number.POSITIVE_INFINITY);
  }

  remaining(key: string, now: number): number {
    if (this.#allow.has(checkKey(key))) return Number.POSITIVE_INFINITY;
    const { states } = this;
    states.open(key, now);
    return Math.max(0, states.limit.burst - gcra.spentTokens(states.limit, states.debtMs));
  }

  refund(key: string, ctx: CallContext, now: number): void {
    const cost = checkNonNegative('cost', costOf(ctx));
    if (this.#allow.has(checkKey(key))) return;
    this.#giveBack(key, cost, now);
    this.#parent?.refund(ctx, now);
    this.changes.emitKey(key, 'tokens');
  }

  /** Undoes the `tryAcquire` of this moment. */
  undo(key: string, ctx: CallContext, now: number): void {
    // In shadow mode it is unknown whether the call took its tokens.
    if (this.#shadow) return;
    this.admitted--;
    if (this.#allow.has(key)) return;
    this.#giveBack(key, costOf(ctx), now);
    this.#parent?.undo(ctx, now);
  }

  penalty(key: string, ctx: CallContext, now: number): void {
    const cost = checkNonNegative('cost', costOf(ctx));
    this.states.open(checkKey(key), now);
    this.states.store(gcra.charge(this.states.limit, this.states.debtMs, cost));
    this.changes.emitKey(key, 'tokens');
  }

  block(key: string, ms: number, now: number): void {
    checkNonNegativeOrInfinity('ms', ms);
    this.states.open(checkKey(key), now);
    this.states.block(now + ms, now);
    this.changes.emitKey(key, 'tokens');
  }

  reset(key: string, now: number): void {
    this.states.open(checkKey(key), now);
    this.states.store(0);
    this.states.unblock();
    this.changes.emitKey(key, 'tokens');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.changes.emit('limit');
  }

  /** Counts the call if it is admitted. */
  #admit(key: string, ctx: CallContext, now: number): boolean {
    if (this.#closed) return false;
    if (typeof key === 'string' && this.#take(key, ctx, now)) {
      this.admitted++;
      return true;
    }
    if (!this.#shadow) return false;
    this.shadowed++;
    return true;
  }

  #take(key: string, ctx: CallContext, now: number): boolean {
    if (this.#allow.size > 0 && this.#allow.has(key)) return true;
    const { states } = this;
    states.open(key, now);
    const cost = costOf(ctx);
    const admitted =
      states.admits(cost, now) && (this.#parent === undefined || this.#takeOfParent(key, ctx, now));
    if (admitted) states.store(gcra.charge(states.limit, states.debtMs, cost));
    else this.offenders.add(key, states.low, states.high);
    return admitted;
  }

  /** Takes the tokens of the parent if it and the client have them. Opens `key`. */
  #takeOfParent(key: string, ctx: CallContext, now: number): boolean {
    const taken = this.#parent?.tryAcquire(ctx, now) === true;
    // Listeners of the parent may have used this limiter: opened another key, or taken tokens of this one.
    this.states.open(key, now);
    if (!taken || this.states.admits(costOf(ctx), now)) return taken;
    this.#parent?.undo(ctx, now);
    return false;
  }

  #giveBack(key: string, cost: number, now: number): void {
    const { states } = this;
    states.open(key, now);
    states.store(gcra.giveBack(states.limit, states.debtMs, cost));
  }

  #ownWaitMs(key: string, ctx: CallContext, now: number, ahead: number): number {
    this.states.open(key, now);
    return this.states.waitMs(costOf(ctx), ahead, now);
  }

  /** Returns the highest cost that was ever possible for `key`. */
  #highestCost(key: string, ctx: CallContext, now: number): number {
    const parentMaxCost = this.#parent?.maxCost(ctx) ?? Number.POSITIVE_INFINITY;
    this.#parentMaxCost = Math.max(this.#parentMaxCost, parentMaxCost);
    this.states.open(key, now);
    return Math.min(this.states.highestBurst, this.#parentMaxCost);
  }

  /** Returns the rejection of a call that is not admitted now. */
  #rejection(key: string, ctx: CallContext, now: number): RejectedError {
    const over = rejectionIfOver(ctx, this.clock, this.name);
    if (over !== undefined) return over;
    if (this.#closed) return shuttingDown(this.name);
    if (typeof key !== 'string') return neverAdmitted(this.name);
    const retryAfterMs = this.#ownWaitMs(key, ctx, now, 0);
    const parentMs = this.#parent?.retryAfterMs(ctx, now) ?? 0;
    if (this.#parent !== undefined && parentMs > retryAfterMs) {
      return rejectionBy(this.#parent, ctx, now, parentMs);
    }
    return new RejectedError('RATE_LIMITED', this.name, { retryAfterMs });
  }
}

/** Returns `key` if it is a string. @throws TypeError if not. */
function checkKey(key: string): string {
  if (typeof key !== 'string') throw new TypeError(`key must be a string, got a value of type ${typeof key}`);
  return key;
}
