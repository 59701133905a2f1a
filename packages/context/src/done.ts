import { isRejected, RejectedError, type RejectionCode } from '@bp/core';

/**
 * Tells why a context is over.
 *
 * - `deadline`: its deadline has passed.
 * - `cancelled`: `cancel` was called, an outer signal was aborted, or its work has ended.
 * - `caller-gone`: the caller has disconnected.
 * - `shed`: the request was evicted or shed.
 * - `shutdown`: the process is shutting down.
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

/** Options of `ContextDoneError`. */
export interface ContextDoneOptions {
  /** The reason, such as that of an aborted signal. */
  readonly cause?: unknown;
  /** The `name` option of the context that ended first. Default: `request-context`. */
  readonly rejectedBy?: string | undefined;
}

/**
 * The error with which a context ends: the reason of its signal, and what `throwIfDone` and `race` throw. It is a `RejectedError`
 * with `workBegan: true`, because only work that has begun meets it. A call that still waits gets the rejection of the
 * primitive.
 */
export class ContextDoneError extends RejectedError {
  /** Why the context is over. Finer than the code, which is `CANCELLED` for `caller-gone` too. */
  readonly kind: DoneKind;

  /** @param kind - why the context is over. */
  constructor(kind: DoneKind, options?: ContextDoneOptions) {
    super(codes[kind], options?.rejectedBy ?? 'request-context', { workBegan: true, cause: options?.cause });
    this.kind = kind;
    this.message = `${this.rejectedBy} is over: ${kind}`;
  }

  override get name(): string {
    return 'ContextDoneError';
  }
}

/** Makes the error of a context that ends because a signal or another context ended for `reason`. */
export function endFor(reason: unknown, rejectedBy: string): ContextDoneError {
  if (reason instanceof ContextDoneError) return reason;
  return new ContextDoneError(kindOf(reason), { cause: reason, rejectedBy });
}

function kindOf(reason: unknown): DoneKind {
  if (isRejected(reason)) {
    // Made by another copy of this package.
    const { kind } = reason as { kind?: unknown };
    if (typeof kind === 'string' && Object.hasOwn(codes, kind)) return kind as DoneKind;
    return kinds[reason.code] ?? 'cancelled';
  }
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'deadline' : 'cancelled';
}
