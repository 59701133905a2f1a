import { type CallContext, isRejected } from '@bp/core';

/** What a call came to, in the eyes of a breaker. An ignored one counts neither way. */
export type Outcome = 'success' | 'failure' | 'ignored';

/** What an error counts as unless somebody says otherwise. */
export function outcomeOf(error: unknown, ctx: CallContext): Outcome {
  // A deadline that passed while the dependency worked is its failure; any other rejection says nothing about it.
  if (isRejected(error)) return error.workBegan && error.code === 'DEADLINE_EXCEEDED' ? 'failure' : 'ignored';
  const name = error instanceof Error ? error.name : undefined;
  const isAbort = name === 'AbortError';
  if (ctx.onDone !== undefined) return isAbort && ctx.doneReason !== undefined ? 'ignored' : 'failure';
  // Whoever aborts may give a reason of its own; that of AbortSignal.timeout is a deadline.
  const { aborted = false, reason } = ctx.signal ?? {};
  return aborted && (isAbort || (error === reason && name !== 'TimeoutError')) ? 'ignored' : 'failure';
}
