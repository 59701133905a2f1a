/**
 * Why a primitive rejected.
 *
 * - `RATE_LIMITED`: more than the allowed rate.
 * - `QUEUE_FULL`: no room to wait.
 * - `CONCURRENCY_LIMIT`: no permit, and waiting was not asked for or not possible.
 * - `CIRCUIT_OPEN`: the dependency behind the breaker is known to be failing.
 * - `SHED`: was queued, then made room for something more important or waited too long.
 * - `DEADLINE_EXCEEDED`: the deadline has passed, or would pass before the answer.
 * - `CANCELLED`: the caller no longer wants the answer.
 * - `SHUTTING_DOWN`: the primitive is closing.
 */
export type RejectionCode =
  | 'RATE_LIMITED'
  | 'QUEUE_FULL'
  | 'CONCURRENCY_LIMIT'
  | 'CIRCUIT_OPEN'
  | 'SHED'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'SHUTTING_DOWN';

/** What a rejection may carry beside its code and the name of the primitive. */
export interface RejectedErrorOptions {
  /**
   * Milliseconds (>= 0) after which the same call could be admitted; `Infinity`: never; left out: unknown. A negative number or
   * `NaN` counts as unknown.
   */
  readonly retryAfterMs?: number | undefined;
  /** Whether the work had begun when it was given up: a deadline that passed while it ran. Default: false. */
  readonly workBegan?: boolean | undefined;
  /** What led to the rejection, such as the reason of an aborted signal. */
  readonly cause?: unknown;
}

// From the global registry, so that two copies of this package in one process recognise each other's rejections.
const brand = Symbol.for('@bp/core/RejectedError');

// V8's switch for stacks; on other engines an unused property. Where intrinsics are frozen it stays as it is.
const v8Error: { stackTraceLimit?: number | undefined } = Error as object;

function limitStacks(frames: number | undefined): void {
  try {
    v8Error.stackTraceLimit = frames;
  } catch {}
}

/**
 * The one rejection of every primitive: not a failure of the work, which never began or was given up.
 *
 * Rejections are made at the rate of an overload, so no stack is captured: it would cost more than the rest of
 * the rejection together. {@link RejectedError.captureStack} turns stacks on while debugging.
 */
export class RejectedError extends Error {
  /** Set to true to record a stack in every rejection made from then on. Default: false. */
  static captureStack = false;

  /** Why it was rejected. */
  readonly code: RejectionCode;
  /** The `name` option of the primitive that rejected. */
  readonly rejectedBy: string;
  /** Milliseconds after which the same call could be admitted; `Infinity`: never; undefined: unknown. */
  readonly retryAfterMs: number | undefined;

  /**
   * Whether the work had begun when it was given up. Then it is no rejection by a primitive but the end of a context,
   * which work that was running has thrown: a dependency that does not answer in time has failed.
   */
  readonly workBegan: boolean;

  /** @param code - why; @param rejectedBy - the name of the primitive. */
  constructor(code: RejectionCode, rejectedBy: string, options?: RejectedErrorOptions) {
    const { stackTraceLimit } = v8Error;
    if (!RejectedError.captureStack) limitStacks(0);
    super(`${rejectedBy} rejected the call: ${code}`);
    if (!RejectedError.captureStack) limitStacks(stackTraceLimit);
    this.code = code;
    this.rejectedBy = rejectedBy;
    const retryAfterMs = options?.retryAfterMs;
    this.retryAfterMs = retryAfterMs !== undefined && retryAfterMs >= 0 ? retryAfterMs : undefined;
    this.workBegan = options?.workBegan ?? false;
    if (options?.cause !== undefined) this.cause = options.cause;
  }

  // An accessor: an own property would be one more write for every rejection.
  override get name(): string {
    return 'RejectedError';
  }

  /** The brand by which {@link isRejected} knows a rejection. */
  get [brand](): true {
    return true;
  }
}

/**
 * Whether `error` is a rejection by a primitive, made by any copy of this package; with `code`, whether it is
 * that rejection. Never throws.
 */
export function isRejected(error: unknown, code?: RejectionCode): error is RejectedError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as RejectedError).code === code;
}
