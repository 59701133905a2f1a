import { isRejected, RejectedError, type RejectionCode } from '@bp/core';

/**
 * Why a context is over.
 *
 * - `deadline`: its time ran out.
 * - `cancelled`: somebody called `cancel`, an outer signal was aborted, or the work it stood for has ended.
 * - `caller-gone`: nobody waits for the answer any more.
 * - `shed`: it made room for something more important.
 * - `shutdown`: the process is ending.
 */
export type DoneKind = 'deadline' | 'cancelled' | 'caller-gone' | 'shed' | 'shutdown';

const codes: Readonly<Record<DoneKind, RejectionCode>> = {
  deadline: 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  'caller-gone': 'CANCELLED',
  shed: 'SHED',
  shutdown: 'SHUTTING_DOWN',
};

const kinds: Readonly<Partial<Record<RejectionCode, DoneKind>>> = {
  DEADLINE_EXCEEDED: 'deadline',
  SHED: 'shed',
  SHUTTING_DOWN: 'shutdown',
};

/** What an end may carry beside its kind. */
export interface ContextDoneOptions {
  /** What led to it, such as the reason of an aborted signal. */
  readonly cause?: unknown;
  /** The `name` option of the context that came to an end first. Default: `request-context`. */
  readonly rejectedBy?: string | undefined;
}

/**
 * The end of a context: what its signal is aborted with, and what `throwIfDone` and `race` throw. It is a `RejectedError`
 * that says `workBegan`, because only work that has begun meets it; whoever had not begun gets a rejection of its own.
 */
export class ContextDoneError extends RejectedError {
  /** Why the context is over: finer than the code, which is `CANCELLED` for a caller that is gone too. */
  readonly kind: DoneKind;

  /** @param kind - why it is over. */
  constructor(kind: DoneKind, options?: ContextDoneOptions) {
    super(codes[kind], options?.rejectedBy ?? 'request-context', { workBegan: true, cause: options?.cause });
    this.kind = kind;
    this.message = `${this.rejectedBy} is over: ${kind}`;
  }

  override get name(): string {
    return 'ContextDoneError';
  }
}

/** The end of a context that follows something else which came to an end for `reason`. */
export function endFor(reason: unknown, rejectedBy: string): ContextDoneError {
  if (reason instanceof ContextDoneError) return reason;
  return new ContextDoneError(kindOf(reason), { cause: reason, rejectedBy });
}

function kindOf(reason: unknown): DoneKind {
  if (isRejected(reason)) {
    // The kind of an end that another copy of this package made.
    const { kind } = reason as { kind?: unknown };
    if (typeof kind === 'string' && Object.hasOwn(codes, kind)) return kind as DoneKind;
    return kinds[reason.code] ?? 'cancelled';
  }
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'deadline' : 'cancelled';
}
