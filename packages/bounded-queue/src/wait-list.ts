import { type AdmissionOptions, type Clock, RejectedError, watchAdmission } from '@bp/core';

/** Somebody who waits in a {@link WaitList}, with what they brought. */
export class Waiter<Payload, Result> {
  readonly payload: Payload;
  readonly ctx: AdmissionOptions;
  readonly resolve: (result: Result) => void;
  readonly reject: (refusal: RejectedError) => void;
  stopWatching: (() => void) | undefined;

  constructor(
    payload: Payload,
    ctx: AdmissionOptions,
    resolve: (result: Result) => void,
    reject: (refusal: RejectedError) => void,
  ) {
    this.payload = payload;
    this.ctx = ctx;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/** Callers that wait their turn, first come first served; whoever gives up leaves at once. */
export class WaitList<Payload, Result> {
  // A Set keeps insertion order and lets anyone leave in O(1).
  readonly #waiters = new Set<Waiter<Payload, Result>>();
  readonly #clock: Clock;
  readonly #name: string;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** How many wait. A number of its own: asking a Set costs more than the rest of a push. */
  length = 0;

  /** Waits until it is resolved through {@link WaitList.shift}, or refused. */
  wait(payload: Payload, ctx: AdmissionOptions): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(payload, ctx, resolve, reject);
      this.#waiters.add(waiter);
      this.length++;
      waiter.stopWatching = watchAdmission(ctx, this.#clock, this.#name, (refusal) => {
        this.#leave(waiter);
        reject(refusal);
      });
    });
  }

  /** Who has waited longest, still waiting. */
  first(): Waiter<Payload, Result> | undefined {
    return this.#waiters.values().next().value;
  }

  /** Removes and returns who has waited longest; they must be resolved or rejected. */
  shift(): Waiter<Payload, Result> | undefined {
    const waiter = this.first();
    if (waiter === undefined) return undefined;
    this.#leave(waiter);
    waiter.stopWatching?.();
    return waiter;
  }

  /** Refuses everybody. */
  rejectAll(code: 'SHUTTING_DOWN'): void {
    for (let waiter = this.shift(); waiter !== undefined; waiter = this.shift()) {
      waiter.reject(new RejectedError(code, this.#name));
    }
  }

  #leave(waiter: Waiter<Payload, Result>): void {
    this.#waiters.delete(waiter);
    this.length--;
  }
}
