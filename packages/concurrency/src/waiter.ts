import { type CallContext, type Clock, RejectedError } from '@bp/core';
import { atDeadline, watchContext } from '@bp/core/kit';

/** A call that waits for its permit. */
export class Waiter {
  readonly weight: number;
  readonly ctx: CallContext;
  /** Ends the wait: with the time at which the call starts, or with the rejection. */
  readonly settle: (outcome: number | RejectedError) => void;
  /** When it began to wait, if somebody looked at the clock. */
  readonly since: number | undefined;
  /** When it has waited too long, if it ever has. */
  readonly startBy: number | undefined;

  constructor(
    weight: number,
    ctx: CallContext,
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
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
  startBy: number,
): CallContext {
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
        listener(new RejectedError('SHED', rejectedBy));
      });
      // Last, for it may find that the call is over already.
      stop = watchContext(ctx, clock, rejectedBy, (rejection) => {
        timer.cancel();
        // The caller's own reason, for a rejection is made of it again.
        listener(rejection.cause ?? rejection);
      });
      return () => {
        timer.cancel();
        stop?.();
      };
    },
  };
}
