/** Removes the listener that it was returned for; a no-op the second time. */
export type Unsubscribe = () => void;

/**
 * Describes one call to a primitive; every primitive takes it as its `ctx`. It is structural: a plain object will do, and a
 * `RequestContext` of @bp/context is one. Policies keep every other own field of a plain object when they derive a context
 * from it, except a field named `end`.
 */
export interface CallContext {
  /** Cancels the call while it waits, and informs the work once it runs. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Absolute milliseconds on the primitive's monotonic clock (`clock.now()`, not `Date.now()`) after which the result is
   * worthless. `Infinity` means none; a finite value more than ten years ahead is a `RangeError`. Default: none.
   */
  readonly deadline?: number | undefined;
  /** Higher is more important. Any number but `NaN`. Default: 0. */
  readonly priority?: number | undefined;
  /** Permits, tokens or weight this call takes (> 0). Default: 1. */
  readonly cost?: number | undefined;
  /**
   * The client or tenant of the call: keyed limits and breakers, and fair queues, decide by it. It is often made from client
   * input, so bound its length where you make it. Default: all calls without a key count as one client.
   */
  readonly key?: string | undefined;
  /**
   * Milliseconds that the policies of this process give the work, whatever the deadline of the caller: `timeout` and
   * `Retry` set it. By it a circuit breaker distinguishes a slow dependency from a short deadline of the caller. Default: no such limit.
   */
  readonly timeLimitMs?: number | undefined;
  /**
   * A cheaper `signal`, preferred where present: calls `listener` once with the reason when the call is cancelled or its
   * deadline passes, at once if that has happened. Returns a function that removes the listener.
   */
  readonly onDone?: ((listener: (reason: unknown) => void) => Unsubscribe) | undefined;
  /** Goes with `onDone`: why the call is over, or undefined while it is not. */
  readonly doneReason?: unknown;
  /**
   * Derives a context that is over no later than this one. A context with methods or getters implements it, so that policies
   * such as a timeout keep what it carries; plain objects need not.
   */
  readonly derive?: ((changes: ContextChanges) => DerivedContext) | undefined;
}

/** Describes how a derived context differs from the original one. */
export interface ContextChanges {
  /** Absolute milliseconds on the clock; the earlier of this and the original deadline counts. */
  readonly deadline?: number | undefined;
  /** One more signal that cancels the derived context. */
  readonly signal?: AbortSignal | undefined;
  /** The `timeLimitMs` of the derived context; the smaller of this and that of the original counts. */
  readonly timeLimitMs?: number | undefined;
  /** The `rejectedBy` of the error with which the derived context ends. Default: that of the original. */
  readonly name?: string | undefined;
}

/** A context that was derived from another one. */
export interface DerivedContext extends CallContext {
  readonly signal: AbortSignal;
  readonly onDone: (listener: (reason: unknown) => void) => Unsubscribe;
  /** Ends the context when its work is over: leaves no timer and no listener behind, and never aborts the signal later. */
  end(): void;
}

/** Bounds how long `drain` and `close` may take. */
export interface DrainOptions {
  /** Milliseconds from now (0 to ten years, or `Infinity`): a duration, not a point in time. Default: as long as it takes. */
  readonly withinMs?: number | undefined;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}

/** The `ctx` of a call that came without one: no deadline, no signal, priority 0, cost 1. */
export const EMPTY_CONTEXT: CallContext = /* @__PURE__ */ Object.freeze({});
