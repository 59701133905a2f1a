import { type AdmissionOptions, atDeadline, type Clock, RejectedError, watchAdmission } from '@bp/core';

/** A call that waits for its permit. */
export class Waiter {
  readonly weight: number;
  readonly ctx: AdmissionOptions;
  /** Ends the wait: with the time at which the call starts, or with the refusal. */
  readonly settle: (outcome: number | RejectedError) => void;
  /** When it began to wait, if somebody looked at the clock. */
  readonly since: number | undefined;
  /** When it has waited too long, if it ever has. */
  readonly startBy: number | undefined;

  constructor(
    weight: number,
    ctx: AdmissionOptions,
    settle: (outcome: number | RejectedError) => void,
    since: number | undefined,
    startBy: number | undefined,
  ) {
    this.weight = weight;
    this.ctx = ctx;
    this.settle = settle;
    this.since = since;
    this.startBy = startBy;
  }
}

/** `ctx` that also ends, with `SHED`, at `startBy`; told once, whichever comes first. */
export function withStartBy(
  ctx: AdmissionOptions,
  clock: Clock,
  limiter: string,
  startBy: number,
): AdmissionOptions {
  const { priority, cost, key, deadline } = ctx;
  return {
    priority,
    cost,
    key,
    deadline,
    onDone: (listener) => {
      let stop: (() => void) | undefined;
      const timer = atDeadline(clock, startBy, () => {
        stop?.();
        listener(new RejectedError('SHED', limiter));
      });
      // Last, for it may find that the call is over already.
      stop = watchAdmission(ctx, clock, limiter, (refusal) => {
        timer.cancel();
        // The caller's own reason, for a refusal is made of it again.
        listener(refusal.cause ?? refusal);
      });
      return () => {
        timer.cancel();
        stop?.();
      };
    },
  };
}
