import type { CallContext, Clock, RejectedError } from '@bp/core';
import { type Waiter, WaitQueue } from '@bp/core/kit';
import { type CostMember, CostSums } from './cost-sums.ts';

/** The limiter that a {@link TokenQueue} belongs to. */
export interface TokenSource {
  readonly clock: Clock;
  readonly name: string;
  /** Takes the tokens of a waiting call if they are available at `now`. */
  take(ctx: CallContext, now: number): boolean;
  /** Milliseconds after `now` at which the first waiting call is admitted; `Infinity` if never. */
  waitMs(ctx: CallContext, now: number): number;
  /** Called with the rejection of a call that leaves without having been admitted. */
  onRejected(rejection: RejectedError): void;
  /** Called after the last waiting call has left. */
  onIdle(): void;
}

class WaitingCall implements CostMember {
  readonly cost: number;
  position = 0;

  constructor(cost: number) {
    this.cost = cost;
  }
}

/** The calls that wait for tokens, first come, first served, with the sum of their costs. */
export class TokenQueue {
  readonly #source: TokenSource;
  readonly #costs = new CostSums();
  readonly #queue: WaitQueue<WaitingCall>;

  constructor(source: TokenSource) {
    this.#source = source;
    this.#queue = new WaitQueue<WaitingCall>({
      clock: source.clock,
      name: source.name,
      serve: (waiter) => this.#admit(waiter),
      waitMs: (waiter) => source.waitMs(waiter.ctx, source.clock.now()),
      onLeft: (waiter, error) => {
        this.#remove(waiter.payload);
        source.onRejected(error as RejectedError);
      },
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

  /** The sum of the costs in front of the call whose admission frees `cost`. */
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

  /** Rejects every waiting call for which `rejectionOf` returns a rejection. */
  rejectIf(rejectionOf: (ctx: CallContext) => RejectedError | undefined): void {
    for (const waiter of [...this.#queue]) {
      const rejection = rejectionOf(waiter.ctx);
      if (rejection !== undefined) this.#queue.reject(waiter, rejection);
    }
  }

  #admit(waiter: Waiter<WaitingCall, void>): boolean {
    if (!this.#source.take(waiter.ctx, this.#source.clock.now())) return false;
    waiter.resolve();
    this.#remove(waiter.payload);
    return true;
  }

  #remove(call: WaitingCall): void {
    this.#costs.remove(call);
    if (this.#queue.size === 0) this.#source.onIdle();
  }
}
