import { type CallContext, type Clock, RejectedError, type RejectionCode } from '@bp/core';
import { watchContext } from '@bp/core/kit';

/** Calls that wait for their next try. Whoever leaves, in whatever way, leaves no timer and no listener behind. */
export class Pauses {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #ends = new Set<(rejection: RejectedError) => void>();

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** How many wait now. */
  get size(): number {
    return this.#ends.size;
  }

  /** Resolves after `waitMs`; with a rejection, and at once, if `ctx` is over or {@link Pauses.endAll} is called first. */
  pause(waitMs: number, ctx: CallContext): Promise<RejectedError | undefined> {
    return new Promise((resolve) => {
      let unwatch: (() => void) | undefined;
      const end = (rejection: RejectedError | undefined): void => {
        timer.cancel();
        unwatch?.();
        this.#ends.delete(end);
        resolve(rejection);
      };
      const timer = this.#clock.setTimer(() => end(undefined), waitMs);
      this.#ends.add(end);
      unwatch = watchContext(ctx, this.#clock, this.#name, end);
    });
  }

  /** Ends every wait with a rejection of this code. */
  endAll(code: RejectionCode): void {
    for (const end of this.#ends) end(new RejectedError(code, this.#name));
  }
}
