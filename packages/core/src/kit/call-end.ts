import type { CallContext } from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { isRejected, RejectedError } from '../rejected-error.ts';
import { atDeadline } from './deadlines.ts';

/** The `ctx` of a call that came without one: no deadline, no signal, priority 0, cost 1. */
export const EMPTY_CONTEXT: CallContext = /* @__PURE__ */ Object.freeze({});

/** A monotonic deadline is never this far ahead; one that is comes from `Date.now()`. */
const MAX_DEADLINE_MS = 10 * 365.25 * 24 * 3600 * 1000;

const isAbsurd = (deadline: number, now: number): boolean =>
  deadline - now > MAX_DEADLINE_MS && deadline !== Number.POSITIVE_INFINITY;

/**
 * `deadline` if it can be one on a clock that reads `now`.
 * @throws RangeError naming `name` if it is `NaN`, or finite and more than ten years ahead.
 */
export function checkDeadline(name: string, deadline: number, now: number): number {
  if (Number.isNaN(deadline) || isAbsurd(deadline, now)) {
    throw new RangeError(
      `${name} must be a time of the primitive's monotonic clock at most ten years ahead of ${now}, or Infinity, ` +
        `got ${deadline}; Date.now() is the time of another clock`,
    );
  }
  return deadline;
}

/**
 * The rejection for a call that was over for `reason`: the code of the rejection that ended it, `DEADLINE_EXCEEDED`
 * for an `AbortSignal.timeout`, else `CANCELLED`. The reason is its cause.
 */
export function rejectionFor(reason: unknown, rejectedBy: string): RejectedError {
  if (isRejected(reason)) return new RejectedError(reason.code, rejectedBy, { cause: reason });
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return new RejectedError(timedOut ? 'DEADLINE_EXCEEDED' : 'CANCELLED', rejectedBy, { cause: reason });
}

/**
 * Whether a call is over: cancelled, at or past its deadline, or with a deadline that is none. For `tryX`: it never
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
  return !(now < deadline) || isAbsurd(deadline, now);
}

/**
 * The rejection for a call that is over before it began (cancelled, or at or past its deadline), else undefined.
 * Every asynchronous method asks this first: what has expired is never started.
 * @throws RangeError if the deadline is `NaN`, or finite and more than ten years ahead.
 */
export function rejectionAtEntry(
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
): RejectedError | undefined {
  if (ctx === EMPTY_CONTEXT) return undefined;
  if (ctx.onDone !== undefined) {
    if (ctx.doneReason !== undefined) return rejectionFor(ctx.doneReason, rejectedBy);
  } else if (ctx.signal?.aborted) {
    return rejectionFor(ctx.signal.reason, rejectedBy);
  }
  const { deadline } = ctx;
  if (deadline === undefined) return undefined;
  const now = clock.now();
  if (now < checkDeadline('deadline', deadline, now)) return undefined;
  return new RejectedError('DEADLINE_EXCEEDED', rejectedBy);
}

/**
 * Watches a call that waits: calls `listener` once with the rejection when it is cancelled or its deadline passes, at
 * once if it is cancelled already. Returns what stops watching and leaves no listener and no timer behind; undefined
 * if `ctx` can never end, or has.
 */
export function watchContext(
  ctx: CallContext,
  clock: Clock,
  rejectedBy: string,
  listener: (rejection: RejectedError) => void,
): (() => void) | undefined {
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
