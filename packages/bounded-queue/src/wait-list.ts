import { type CallContext, type Clock, RejectedError } from '@bp/core';
import { watchContext } from '@bp/core/kit';

/** Somebody who waits in a {@link WaitList}, with what they brought. */
export class Waiter<Payload, Result> {
  readonly payload: Payload;
  readonly ctx: CallContext;
  readonly resolve: (result: Result) => void;
  readonly reject: (rejection: RejectedError) => void;
  stopWatching: (() => void) | undefined;
  /** Neighbours in the list. */
  previous: Waiter<Payload, Result> | undefined;
  next: Waiter<Payload, Result> | undefined;

  constructor(
    payload: Payload,
    ctx: CallContext,
    resolve: (result: Result) => void,
    reject: (rejection: RejectedError) => void,
  ) {
    this.payload = payload;
    this.ctx = ctx;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Callers that wait their turn, first come first served; whoever gives up leaves at once. */
export class WaitList<Payload, Result> {
  #first: Waiter<Payload, Result> | undefined;
  #last: Waiter<Payload, Result> | undefined;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #onGaveUp: () => void;

  /** @param onGaveUp - called when somebody has left without having been served. */
  constructor(clock: Clock, name: string, onGaveUp: () => void) {
    this.#clock = clock;
    this.#name = name;
    this.#onGaveUp = onGaveUp;
  }

  /** How many wait. */
  length = 0;

  /** Waits until it is resolved through {@link WaitList.shift}, or rejected. */
  wait(payload: Payload, ctx: CallContext): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(payload, ctx, resolve, reject);
      this.#enter(waiter);
      waiter.stopWatching = watchContext(ctx, this.#clock, this.#name, (rejection) => {
        this.#leave(waiter);
        reject(rejection);
        this.#onGaveUp();
      });
    });
  }

  /** Who has waited longest, still waiting. */
  first(): Waiter<Payload, Result> | undefined {
    return this.#first;
  }

  /** Removes and returns who has waited longest; they must be resolved or rejected. */
  shift(): Waiter<Payload, Result> | undefined {
    const waiter = this.first();
    if (waiter === undefined) return undefined;
    this.#leave(waiter);
    waiter.stopWatching?.();
    return waiter;
  }

  /** Rejects everybody. */
  rejectAll(code: 'SHUTTING_DOWN'): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) {
      waiter.reject(new RejectedError(code, this.#name));
    }
  }

  #enter(waiter: Waiter<Payload, Result>): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.length++;
  }

  #leave(waiter: Waiter<Payload, Result>): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    this.length--;
  }
}
