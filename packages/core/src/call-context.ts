/**
 * What a caller may say about one call; every primitive takes it as its `ctx`. It is structural: a plain object
 * will do, and a `RequestContext` of @bp/context is one.
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
   * A cheaper `signal`, preferred where present: calls `listener` once with the reason when the call is
   * cancelled or its deadline passes, at once if that has happened; returns what removes the listener.
   */
  readonly onDone?: ((listener: (reason: unknown) => void) => () => void) | undefined;
  /** Goes with `onDone`: why the call is over, or undefined while it is not. */
  readonly doneReason?: unknown;
  /**
   * Derives a context that is over no later than this one. Contexts that carry more than these fields implement it, so that
   * policies such as a timeout keep what they carry; plain objects need not.
   */
  readonly derive?: ((changes: ContextChanges) => DerivedContext) | undefined;
}

/** What a derived context adds to the one it comes from. */
export interface ContextChanges {
  /** Absolute milliseconds on the clock; the earlier of this and the original deadline counts. */
  readonly deadline?: number | undefined;
  /** One more signal that cancels it. */
  readonly signal?: AbortSignal | undefined;
}

/** A context that was derived from another one. */
export interface DerivedContext extends CallContext {
  readonly signal: AbortSignal;
  readonly onDone: (listener: (reason: unknown) => void) => () => void;
  /** Ends the context when its work is over: leaves no timer and no listener behind, and never aborts the signal later. */
  end(): void;
}

/** How long `drain` and `close` may take. */
export interface DrainOptions {
  /** Milliseconds from now (>= 0; a duration, not a point in time). Default: as long as it takes. */
  readonly withinMs?: number | undefined;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}
