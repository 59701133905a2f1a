import {
  type AdmissionOptions,
  type Clock,
  NO_ADMISSION_OPTIONS,
  RejectedError,
  type RejectionCode,
  refusalAtEntry,
} from '@bp/core';

/** Refuses in the name of a limiter, and counts how often. */
export class Refusals {
  readonly #clock: Clock;
  readonly #name: string;
  count = 0;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  refuse(code: RejectionCode, retryAfterMs?: number): RejectedError {
    return this.counted(new RejectedError(code, this.#name, { retryAfterMs }));
  }

  /** Counts a refusal, and returns it. */
  counted(refusal: RejectedError): RejectedError {
    this.count++;
    return refusal;
  }

  /** The refusal of a call that is over, counted. */
  ifOver(ctx: AdmissionOptions): RejectedError | undefined {
    if (ctx === NO_ADMISSION_OPTIONS) return undefined;
    const over = refusalAtEntry(ctx, this.#clock, this.#name);
    return over === undefined ? undefined : this.counted(over);
  }
}
