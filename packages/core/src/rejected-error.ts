/**
 * Tells why a primitive rejected a call.
 *
 * - `RATE_LIMITED`: the call exceeds the allowed rate.
 * - `QUEUE_FULL`: the wait queue is full.
 * - `CONCURRENCY_LIMIT`: no permit is available, and waiting is not enabled or would take too long.
 * - `CIRCUIT_OPEN`: the dependency behind the breaker is failing.
 * - `SHED`: the call was queued, then evicted by a more important one, or it waited too long.
 * - `DEADLINE_EXCEEDED`: the deadline has passed, or would pass before the result.
 * - `CANCELLED`: the caller no longer wants the result.
 * - `SHUTTING_DOWN`: the primitive is closing or closed.
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

/** Options of `RejectedError`. */
export interface RejectedErrorOptions {
  /**
   * Milliseconds (>= 0) after which the same call could be admitted; `Infinity`: never; left out: unknown. A negative number or
   * `NaN` counts as unknown.
   */
  readonly retryAfterMs?: number | undefined;
  /** Whether the work had begun: its context ended while it ran. Default: false. */
  readonly workBegan?: boolean | undefined;
  /** The reason, such as that of an aborted signal. */
  readonly cause?: unknown;
}

// From the global registry, so that two copies of this package recognise each other's rejections.
const brand: symbol = Symbol.for('@bp/core/RejectedError');

// V8's switch for stacks; on other engines an unused property. Where intrinsics are frozen it stays as it is.
const v8Error: { stackTraceLimit?: number | undefined } = Error as object;

function limitStacks(frames: number | undefined): void {
  try {
    v8Error.stackTraceLimit = frames;
  } catch {}
}

/**
 * The error with which every primitive rejects. It is no failure of the work, which has not begun or whose context has ended.
 *
 * It captures no stack, which would cost more than the rest of a rejection. Set {@link RejectedError.captureStack} for
 * debugging.
 */
export class RejectedError extends Error {
  static {
    // No member of the class: its type would differ between two copies of this package.
    Object.defineProperty(RejectedError.prototype, brand, { value: true });
  }

  /** Set it to true to capture a stack in every later rejection. Default: false. */
  static captureStack = false;

  /** Why the primitive rejected the call. */
  readonly code: RejectionCode;
  /** The `name` option of the primitive that rejected. */
  readonly rejectedBy: string;
  /** Milliseconds after which the same call could be admitted; `Infinity`: never; undefined: unknown. */
  readonly retryAfterMs: number | undefined;

  /** Whether the work had begun. Then the error is not the rejection of a primitive but the end of the work's context. */
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

  // An accessor saves one write for every rejection.
  override get name(): string {
    return 'RejectedError';
  }
}

/**
 * Returns whether `error` is a `RejectedError` of any copy of this package and, if `code` is given, has that code. Never
 * throws.
 */
export function isRejected(error: unknown, code?: RejectionCode): error is RejectedError {
  if (typeof error !== 'object' || error === null) return false;
  try {
    return brand in error && (code === undefined || (error as RejectedError).code === code);
  } catch {
    // A proxy may throw.
    return false;
  }
}
