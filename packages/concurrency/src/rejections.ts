import { type CallContext, type Clock, RejectedError, type RejectionCode } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry } from '@bp/core/kit';

/** Rejects in the name of a limiter, and counts how often. */
export class Rejections {
  readonly #clock: Clock;
  readonly #name: string;
  count = 0;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  reject(code: RejectionCode, retryAfterMs?: number): RejectedError {
    return this.counted(new RejectedError(code, this.#name, { retryAfterMs }));
  }

  /** Counts a rejection, and returns it. */
  counted(rejection: RejectedError): RejectedError {
    this.count++;
    return rejection;
  }

  /** The rejection of a call that is over, counted. */
  ifOver(ctx: CallContext): RejectedError | undefined {
    if (ctx === EMPTY_CONTEXT) return undefined;
    const over = rejectionAtEntry(ctx, this.#clock, this.#name);
    return over === undefined ? undefined : this.counted(over);
  }
}
