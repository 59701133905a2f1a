import type { Clock } from './clock.ts';
import { atDeadline } from './deadline.ts';
import { isRejected, RejectedError } from './rejected-error.ts';

/**
 * What a caller may say about one call; every primitive takes it as its `ctx`. It is structural: a plain object
 * will do, and a `RequestContext` of @bp/context is one.
 */
export interface AdmissionOptions {
  /** Cancels the call while it waits, and tells the work itself once it runs. */
  readonly signal?: AbortSignal | undefined;
  /** Absolute milliseconds on the primitive's clock after which the answer is worthless. Default: none. */
  readonly deadline?: number | undefined;
  /** Higher is more important. Default: 0. */
  readonly priority?: number | undefined;
  /** Permits, tokens or weight this call takes (> 0). Default: 1. */
  readonly cost?: number | undefined;
  /**
   * Who asks: a fair discipline shares by it. Often made from what a client sent, so whoever makes it bounds its length.
   * Default: all who have none count as one.
   */
  readonly key?: string | undefined;
  /**
   * A cheaper `signal`, preferred where present: calls `listener` once with the reason when the call is
   * cancelled or its deadline passes, at once if that has happened; returns what removes the listener.
   */
  readonly onDone?: ((listener: (reason: unknown) => void) => () => void) | undefined;
  /** Goes with `onDone`: why the call is over, or undefined while it is not. */
  readonly doneReason?: unknown;
}

/** The `ctx` of a call that came without one: no deadline, no signal, priority 0, cost 1. */
export const NO_ADMISSION_OPTIONS: AdmissionOptions = Object.freeze({});

/**
 * The refusal for a call that was over for `reason`: the code of the refusal that ended it, `DEADLINE_EXCEEDED`
 * for an `AbortSignal.timeout`, else `CANCELLED`. The reason is its cause.
 */
export function refusalFor(reason: unknown, limiter: string): RejectedError {
  if (isRejected(reason)) return new RejectedError(reason.code, limiter, { cause: reason });
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return new RejectedError(timedOut ? 'DEADLINE_EXCEEDED' : 'CANCELLED', limiter, { cause: reason });
}

/**
 * The refusal for a call that is over before it began (cancelled, or at or past its deadline), else undefined.
 * Every primitive asks this first: what has expired is never started.
 */
export function refusalAtEntry(
  ctx: AdmissionOptions,
  clock: Clock,
  limiter: string,
): RejectedError | undefined {
  if (ctx.onDone !== undefined) {
    if (ctx.doneReason !== undefined) return refusalFor(ctx.doneReason, limiter);
  } else if (ctx.signal?.aborted) {
    return refusalFor(ctx.signal.reason, limiter);
  }
  if (ctx.deadline !== undefined && !(clock.now() < ctx.deadline)) {
    return new RejectedError('DEADLINE_EXCEEDED', limiter);
  }
  return undefined;
}

/**
 * Watches a call that waits: calls `listener` once with the refusal when it is cancelled or its deadline passes, at
 * once if it is cancelled already. Returns what stops watching and leaves no listener and no timer behind; undefined
 * if `ctx` can never end, or has.
 */
export function watchAdmission(
  ctx: AdmissionOptions,
  clock: Clock,
  limiter: string,
  listener: (refusal: RejectedError) => void,
): (() => void) | undefined {
  if (ctx.onDone !== undefined) return ctx.onDone((reason) => listener(refusalFor(reason, limiter)));

  const { signal, deadline } = ctx;
  if (signal === undefined && deadline === undefined) return undefined;
  // It was asked before, but the code of a caller may have run since; an aborted signal tells nobody any more.
  if (signal?.aborted) {
    listener(refusalFor(signal.reason, limiter));
    return undefined;
  }

  const end = (refusal: RejectedError): void => {
    stop();
    listener(refusal);
  };
  const onAbort = (): void => end(refusalFor(signal?.reason, limiter));
  const timer =
    deadline === undefined
      ? undefined
      : atDeadline(clock, deadline, () => end(new RejectedError('DEADLINE_EXCEEDED', limiter)));
  const stop = (): void => {
    timer?.cancel();
    signal?.removeEventListener('abort', onAbort);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return stop;
}
