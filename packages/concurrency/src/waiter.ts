import { type AdmissionOptions, atDeadline, type Clock, RejectedError, watchAdmission } from '@bp/core';

/** A call that waits for its permit, which weighs `weight` and is given with the time it starts. */
export interface Waiter {
  readonly weight: number;
  readonly start: (startedAt: number) => void;
  readonly reject: (refusal: RejectedError) => void;
}

/** `ctx` that also ends, with `SHED`, when it has waited `maxWaitMs`. */
export function withMaxWait(
  ctx: AdmissionOptions,
  clock: Clock,
  limiter: string,
  maxWaitMs: number,
): AdmissionOptions {
  return {
    priority: ctx.priority,
    cost: ctx.cost,
    deadline: ctx.deadline,
    onDone: (listener) => {
      const stop = watchAdmission(ctx, clock, limiter, listener);
      const timer = atDeadline(clock, clock.now() + maxWaitMs, () => {
        stop?.();
        listener(new RejectedError('SHED', limiter));
      });
      return () => {
        stop?.();
        timer.cancel();
      };
    },
  };
}
