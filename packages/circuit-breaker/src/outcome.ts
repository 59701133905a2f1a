import { type CallContext, type Clock, isRejected } from '@bp/core';
import { isOver } from '@bp/core/kit';

/** What a call counts as. An ignored call counts neither way. */
export type CircuitOutcome = 'success' | 'failure' | 'ignored';

/** Decides which missed deadlines are failures of the dependency. */
export interface TimeoutRule {
  /** Undefined: a share of the call's `timeLimitMs`, or {@link MIN_TIMEOUT_MS} without one. */
  readonly minTimeoutMs: number | undefined;
  readonly clock: Clock;
}

/** The share of the time limit set in this process that a call must have had before its missed deadline is a failure. */
const MIN_SHARE = 0.5;

/** The same in milliseconds for a call whose deadline is its caller's alone. */
const MIN_TIMEOUT_MS = 1000;

/**
 * Decides what an error counts as by default. Errors are failures, except:
 * - rejections by primitives, which tell nothing about the dependency;
 * - the cancellation of the call by its caller;
 * - a deadline of the caller that left the dependency too little time.
 *
 * @param startedAt - when the call began. Needed only for a call that can be over.
 */
export function outcomeOfError(
  error: unknown,
  ctx: CallContext,
  startedAt: number,
  rule: TimeoutRule,
): CircuitOutcome {
  if (isTimeout(error)) return isOver(ctx, rule.clock) ? outcomeOfDeadline(ctx, startedAt, rule) : 'failure';
  if (isRejected(error)) return 'ignored';
  const reason = endOf(ctx);
  if (reason === undefined || !isCausedBy(error, reason)) return 'failure';
  return isDeadline(reason) ? outcomeOfDeadline(ctx, startedAt, rule) : 'ignored';
}

function outcomeOfDeadline(
  { deadline = Number.POSITIVE_INFINITY, timeLimitMs }: CallContext,
  startedAt: number,
  { minTimeoutMs, clock }: TimeoutRule,
): CircuitOutcome {
  const givenMs = Math.min(deadline, clock.now()) - startedAt;
  const enoughMs = minTimeoutMs ?? (timeLimitMs === undefined ? MIN_TIMEOUT_MS : timeLimitMs * MIN_SHARE);
  return givenMs >= enoughMs ? 'failure' : 'ignored';
}

const nameOf = (error: unknown): string | undefined => (error instanceof Error ? error.name : undefined);

const isDeadline = (reason: unknown): boolean =>
  isRejected(reason, 'DEADLINE_EXCEEDED') || nameOf(reason) === 'TimeoutError';

/** Returns whether running work ran out of time; a primitive that rejects for a deadline has not begun the work. */
const isTimeout = (error: unknown): boolean => isDeadline(error) && (!isRejected(error) || error.workBegan);

/** Returns why `ctx` is over; undefined if it is not, or only by its deadline. */
function endOf(ctx: CallContext): unknown {
  if (ctx.onDone !== undefined) return ctx.doneReason;
  return ctx.signal?.aborted ? ctx.signal.reason : undefined;
}

/** Returns whether `error` is what work throws when its context ends for `reason`. */
function isCausedBy(error: unknown, reason: unknown): boolean {
  if (error === reason || nameOf(error) === 'AbortError') return true;
  return error instanceof Error && error.cause === reason;
}
