import { type CallContext, EMPTY_CONTEXT, type Unsubscribe } from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { isRejected, RejectedError } from '../rejected-error.ts';
import { atDeadline } from './deadlines.ts';
import { checkDeadline, isAbsurdDeadline } from './validate.ts';

/**
 * Makes the rejection of a call that is over for `reason`: the code of the rejection that ended it, `DEADLINE_EXCEEDED` for an
 * `AbortSignal.timeout`, else `CANCELLED`. The reason is its cause.
 */
export function rejectionFor(reason: unknown, rejectedBy: string): RejectedError {
  if (isRejected(reason)) return new RejectedError(reason.code, rejectedBy, { cause: reason });
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return new RejectedError(timedOut ? 'DEADLINE_EXCEEDED' : 'CANCELLED', rejectedBy, { cause: reason });
}

/**
 * Returns whether a call is over: cancelled, at or past its deadline, or with an invalid deadline. For `tryX`: it never
 * throws and allocates nothing.
 */
export function isOver(ctx: CallContext, clock: Clock): boolean {
  if (ctx === EMPTY_CONTEXT) return false;
  if (ctx.onDone !== undefined) {
    if (ctx.doneReason !== undefined) return true;
  } else if (ctx.signal?.aborted) {
    return true;
  }
  const { deadline } = ctx;
  if (deadline === undefined) return false;
  const now = clock.now();
  return typeof deadline !== 'number' || !(now < deadline) || isAbsurdDeadline(deadline, now);
}

/**
 * Returns the rejection of a call that is over before it began (cancelled, or at or past its deadline), else undefined. Every
 * asynchronous method calls it first, so that an expired call never starts.
 * @throws TypeError if the deadline is no number.
 * @throws RangeError if the deadline is `NaN`, or finite and more than ten years ahead.
 */
export function rejectionAtEntry(
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
): RejectedError | undefined {
  if (ctx === EMPTY_CONTEXT) return undefined;
  const cancelled = rejectionIfCancelled(ctx, rejectedBy);
  if (cancelled !== undefined) return cancelled;
  const { deadline } = ctx;
  if (deadline === undefined) return undefined;
  const now = clock.now();
  if (now < checkDeadline('deadline', deadline, now)) return undefined;
  return new RejectedError('DEADLINE_EXCEEDED', rejectedBy);
}

/** Does the same for a call that was checked at entry and has waited since. Never throws. */
export function rejectionIfOver(
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
): RejectedError | undefined {
  if (!isOver(ctx, clock)) return undefined;
  return rejectionIfCancelled(ctx, rejectedBy) ?? new RejectedError('DEADLINE_EXCEEDED', rejectedBy);
}

function rejectionIfCancelled(ctx: CallContext, rejectedBy: string): RejectedError | undefined {
  // Reading the signal of a context that has `onDone` may cost an AbortController.
  if (ctx.onDone !== undefined) {
    return ctx.doneReason === undefined ? undefined : rejectionFor(ctx.doneReason, rejectedBy);
  }
  return ctx.signal?.aborted ? rejectionFor(ctx.signal.reason, rejectedBy) : undefined;
}

/**
 * Watches a call that waits: calls `listener` once with the rejection when the call is cancelled or its deadline passes, at
 * once if it is cancelled already. Returns a function that stops watching and leaves no listener and no timer behind;
 * undefined if `ctx` can never end, or has ended. The timer does not keep the process alive.
 */
export function watchContext(
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
  listener: (rejection: RejectedError) => void,
): Unsubscribe | undefined {
  if (ctx.onDone !== undefined) return ctx.onDone((reason) => listener(rejectionFor(reason, rejectedBy)));

  const { signal, deadline } = ctx;
  if (signal === undefined && deadline === undefined) return undefined;
  // The caller's code may have run since the entry check, and an aborted signal fires no event any more.
  if (signal?.aborted) {
    listener(rejectionFor(signal.reason, rejectedBy));
    return undefined;
  }

  const end = (rejection: RejectedError): void => {
    stop();
    listener(rejection);
  };
  const onAbort = (): void => end(rejectionFor(signal?.reason, rejectedBy));
  const timer =
    deadline === undefined || deadline === Number.POSITIVE_INFINITY
      ? undefined
      : atDeadline(clock, deadline, () => end(new RejectedError('DEADLINE_EXCEEDED', rejectedBy)));
  const stop = (): void => {
    timer?.cancel();
    signal?.removeEventListener('abort', onAbort);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return stop;
}
