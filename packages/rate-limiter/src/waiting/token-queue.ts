import type { CallContext, Clock, DrainOptions, RejectedError } from '@bp/core';
import { Closing, type Waiter, WaitQueue } from '@bp/core/kit';
import type { BudgetChange } from '../budget.ts';
import { shuttingDown } from '../rejection.ts';
import { type CostMember, CostSums } from './cost-sums.ts';

/** The limiter that a {@link TokenQueue} belongs to. */
export interface TokenSource {
  readonly clock: Clock;
  readonly name: string;
  /** Takes the tokens of a waiting call if they are available at `now`. */
  take(ctx: CallContext, now: number): boolean;
  /** Returns the milliseconds after `now` at which the first waiting call is admitted; `Infinity` if never. */
  waitMs(ctx: CallContext, now: number): number;
  /** Returns the rejection of a waiting call that a change has made impossible, else undefined. */
  impossible(ctx: CallContext): RejectedError | undefined;
  /** Called with the rejection of a call that leaves without having been admitted. */
  onRejected(rejection: RejectedError): void;
  /** Called when no call waits any more. */
  onIdle(): void;
}

class WaitingCall implements CostMember {
  readonly cost: number;
  position = 0;

  constructor(cost: number) {
    this.cost = cost;
  }
}

/** The calls that wait for tokens, first come, first served, with the sum of their costs; and their end when the limiter closes. */
export class TokenQueue {
  readonly #source: TokenSource;
  readonly #costs = new CostSums();
  readonly #queue: WaitQueue<WaitingCall>;
  readonly #closing: Closing;

  constructor(source: TokenSource) {
    const { clock, name } = source;
    this.#source = source;
    this.#queue = new WaitQueue<WaitingCall>({
      clock,
      name,
      serve: (waiter) => this.#admit(waiter),
      waitMs: (waiter) => source.waitMs(waiter.ctx, clock.now()),
      onLeft: (waiter, error) => {
        this.#remove(waiter.payload);
        source.onRejected(error as RejectedError);
      },
    });
    this.#closing = new Closing({
      clock,
      isIdle: () => this.size === 0,
      cancelRest: () => this.#rejectAll(),
    });
  }

  /** How many calls wait. */
  get size(): number {
    return this.#queue.size;
  }

  /** The sum of their costs. */
  get cost(): number {
    return this.#costs.total;
  }

  /** The context of the first call that waits; undefined if none does. */
  get first(): CallContext | undefined {
    return this.#queue.first?.ctx;
  }

  /** Whether the limiter admits no new calls any more. */
  get isClosed(): boolean {
    return this.#closing.started;
  }

  /** Returns the sum of the costs in front of the call whose admission frees `cost`. */
  costBefore(cost: number): number {
    return this.#costs.before(cost);
  }

  /** Waits behind all other calls. Rejects when `ctx` ends first. */
  wait(cost: number, ctx: CallContext): Promise<void> {
    const call = new WaitingCall(cost);
    this.#costs.add(call);
    return this.#queue.wait(call, ctx);
  }

  /** Admits waiting calls whose tokens are available, and sets the timer for the next one. */
  serve(): void {
    this.#queue.serve();
  }

  /** Serves waiting calls after a change; rejects the ones that have become impossible. */
  reconsider(change: BudgetChange): void {
    if (this.size === 0) return;
    if (change === 'limit') this.#rejectIf((ctx) => this.#source.impossible(ctx));
    this.serve();
    const { first } = this;
    // Without this a bucket whose rate is 0 would never finish closing.
    const isHopeless =
      this.isClosed &&
      first !== undefined &&
      this.#source.waitMs(first, this.#source.clock.now()) === Number.POSITIVE_INFINITY;
    if (isHopeless) this.#rejectAll();
  }

  /** Admits no new calls; resolves when no call waits. */
  close(options?: DrainOptions): Promise<void> {
    return this.#closing.close(options);
  }

  #admit(waiter: Waiter<WaitingCall, void>): boolean {
    if (!this.#source.take(waiter.ctx, this.#source.clock.now())) return false;
    waiter.resolve();
    this.#remove(waiter.payload);
    return true;
  }

  #remove(call: WaitingCall): void {
    this.#costs.remove(call);
    if (this.size > 0) return;
    this.#closing.settleIfIdle();
    this.#source.onIdle();
  }

  #rejectAll(): void {
    this.#rejectIf(() => shuttingDown(this.#source.name));
  }

  #rejectIf(rejectionOf: (ctx: CallContext) => RejectedError | undefined): void {
    const inOrder = [...this.#queue].sort((a, b) => a.order - b.order);
    for (const waiter of inOrder) {
      const rejection = rejectionOf(waiter.ctx);
      if (rejection !== undefined) this.#queue.reject(waiter, rejection);
    }
  }
}
