/**
 * Why a primitive refused.
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

/** What a refusal may carry beside its code and the name of who refused. */
export interface RejectedErrorOptions {
  /** Milliseconds (>= 0) after which the same call could be admitted; left out where that cannot be known. */
  readonly retryAfterMs?: number | undefined;
  /** Whether the work had begun when it was given up: a deadline that passed while it ran. Default: false. */
  readonly workBegan?: boolean | undefined;
  /** What led to the refusal, such as the reason of an aborted signal. */
  readonly cause?: unknown;
}

// From the global registry, so that two copies of this package in one process recognise each other's refusals.
const brand = Symbol.for('@bp/core/RejectedError');

// V8's switch for stacks; on other engines an unused property. Where intrinsics are frozen it stays as it is.
const v8Error: { stackTraceLimit?: number | undefined } = Error as object;

function limitStacks(frames: number | undefined): void {
  try {
    v8Error.stackTraceLimit = frames;
  } catch {}
}

/**
 * The one refusal of every primitive: not a failure of the work, which never began or was given up.
 *
 * Refusals are made at the rate of an overload, so no stack is captured: it would cost more than the rest of
 * the refusal together. {@link RejectedError.captureStack} turns stacks on while debugging.
 */
export class RejectedError extends Error {
  /** Set to true to record a stack in every refusal made from then on. Default: false. */
  static captureStack = false;

  /** Why it was refused. */
  readonly code: RejectionCode;
  /** The `name` option of the primitive that refused. */
  readonly limiter: string;
  /** Milliseconds after which the same call could be admitted; undefined where that cannot be known. */
  readonly retryAfterMs: number | undefined;

  /**
   * Whether the work had begun when it was given up. Then it is no refusal by a primitive but the end of a context,
   * which work that was running has thrown: a dependency that does not answer in time has failed.
   */
  readonly workBegan: boolean;

  /** @param code - why; @param limiter - the name of who refuses. */
  constructor(code: RejectionCode, limiter: string, options?: RejectedErrorOptions) {
    const { stackTraceLimit } = v8Error;
    if (!RejectedError.captureStack) limitStacks(0);
    super(`${limiter} refused: ${code}`);
    if (!RejectedError.captureStack) limitStacks(stackTraceLimit);
    this.code = code;
    this.limiter = limiter;
    this.retryAfterMs = options?.retryAfterMs;
    this.workBegan = options?.workBegan ?? false;
    if (options?.cause !== undefined) this.cause = options.cause;
  }

  // An accessor: an own property would be one more write for every refusal.
  override get name(): string {
    return 'RejectedError';
  }

  /** The brand by which {@link isRejected} knows a refusal. */
  get [brand](): true {
    return true;
  }
}

/**
 * Whether `error` is a refusal by a primitive, made by any copy of this package; with `code`, whether it is
 * that refusal. Never throws.
 */
export function isRejected(error: unknown, code?: RejectionCode): error is RejectedError {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false;
  return code === undefined || (error as RejectedError).code === code;
}

/**
 * For primitives: a promise that `refusal` rejects one microtask later. By then the caller has said what becomes of it;
 * one that is rejected from the start costs the platform three times as much, which first takes it for unhandled.
 */
export function refuse(refusal: RejectedError): Promise<never> {
  return new Promise((_, reject) => {
    Promise.resolve().then(() => reject(refusal));
  });
}
