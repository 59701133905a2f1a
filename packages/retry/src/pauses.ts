import {
  type AdmissionOptions,
  type Clock,
  RejectedError,
  type RejectionCode,
  watchAdmission,
} from '@bp/core';

/** Calls that wait for their next try. Whoever leaves, in whatever way, leaves no timer and no listener behind. */
export class Pauses {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #ends = new Set<(refusal: RejectedError) => void>();

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** How many wait now. */
  get size(): number {
    return this.#ends.size;
  }

  /** Resolves after `waitMs`; with a refusal, and at once, if `ctx` is over or {@link Pauses.endAll} is called first. */
  pause(waitMs: number, ctx: AdmissionOptions): Promise<RejectedError | undefined> {
    return new Promise((resolve) => {
      let unwatch: (() => void) | undefined;
      const end = (refusal: RejectedError | undefined): void => {
        timer.cancel();
        unwatch?.();
        this.#ends.delete(end);
        resolve(refusal);
      };
      const timer = this.#clock.setTimer(() => end(undefined), waitMs);
      this.#ends.add(end);
      unwatch = watchAdmission(ctx, this.#clock, this.#name, end);
    });
  }

  /** Ends every wait with a refusal of this code. */
  endAll(code: RejectionCode): void {
    for (const end of this.#ends) end(new RejectedError(code, this.#name));
  }
}
