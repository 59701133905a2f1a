import { type CallContext, type Policy, RejectedError, type Unsubscribe } from '@bp/core';
import {
  EMPTY_CONTEXT,
  isOver,
  Listeners,
  Rejections,
  rejectedPromise,
  rejectionAtEntry,
  rejectionIfOver,
} from '@bp/core/kit';
import { type CircuitPermit, OncePermit } from './circuit-permit.ts';
import type { CircuitBreakerStats } from './circuit-stats.ts';
import { type CircuitBreakerOptions, type ResolvedCircuitBreakerOptions, resolveOptions } from './options.ts';
import { type CircuitOutcome, outcomeOfError } from './outcome.ts';
import { type CircuitSnapshot, checkSnapshot } from './snapshot.ts';
import { type CircuitState, StateMachine } from './state-machine.ts';

/** Instead of a generation: the call is rejected. */
const REJECTED = -1;
/** The generation of a call that is admitted only because of `shadow`: its outcome changes no state. */
const UNCOUNTED = -2;

/** One closed call in as many is timed, to measure how long a call takes. A power of 2. */
const SAMPLE_EVERY = 16;

/** A change of state. */
export interface CircuitTransition {
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** The error that opened the breaker; undefined if no error did. */
  readonly error: unknown;
}

/**
 * Stops calling a dependency that fails. After a while it admits a few probes, and closes again when they succeed.
 *
 * Every call belongs to the generation in which it began; its outcome changes nothing if the state has changed since. The
 * breaker has no timer: time passes when a method is called, which never keeps the process alive.
 */
export class CircuitBreaker implements Policy {
  readonly #options: ResolvedCircuitBreakerOptions;
  readonly #machine: StateMachine;
  readonly #transitions = new Listeners<CircuitTransition>();
  readonly #rejections: Rejections;
  /** Whether every call must be timed: for slow calls and for a window of time. */
  readonly #timed: boolean;
  /** When the call that was admitted last began; `NaN` if it is not timed. */
  #startedAt = Number.NaN;
  #isolations = 0;
  #admitted = 0;
  #succeeded = 0;
  #failed = 0;
  #ignored = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: CircuitBreakerOptions = {}) {
    const resolved = resolveOptions(options);
    const { window, slowCallMs } = resolved.trip;
    this.#options = resolved;
    this.#timed = slowCallMs !== Number.POSITIVE_INFINITY || (window !== undefined && 'ms' in window);
    this.#rejections = new Rejections(resolved.name);
    this.#machine = new StateMachine(resolved, (from, to, error) =>
      this.#transitions.emit({ from, to, error }),
    );
  }

  /** The state now: OPEN becomes HALF_OPEN when it is due. */
  get state(): CircuitState {
    return this.#machine.stateAt(this.#options.clock.now());
  }

  /** Admits a call, whose end you report to the permit; undefined if it is rejected. Never throws. */
  tryAcquire(ctx: CallContext = EMPTY_CONTEXT): CircuitPermit | undefined {
    if (isOver(ctx, this.#options.clock)) {
      this.#rejections.recordLazily(() => this.#rejectionOf(ctx));
      return undefined;
    }
    const generation = this.#admit(ctx);
    if (generation !== REJECTED) return new OncePermit(this.#settle, generation, this.#startedAt);
    const rejection = this.#rejections.isObserved ? this.#rejection() : undefined;
    this.#machine.countRejection();
    if (rejection === undefined) this.#rejections.count++;
    else this.#rejections.record(rejection);
    return undefined;
  }

  /**
   * Calls `fn` if the breaker admits the call, and counts its outcome.
   *
   * Rejects with the error of `fn`; with a `RejectedError` of code `CIRCUIT_OPEN`; or with `DEADLINE_EXCEEDED` or `CANCELLED` if
   * `ctx` is over already. Rejects with a TypeError or RangeError if `ctx.deadline` is wrong or `fn` is no function.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    if (typeof fn !== 'function')
      return Promise.reject(new TypeError(`fn must be a function, got ${typeof fn}`));
    if (ctx !== EMPTY_CONTEXT) {
      const ended = this.#endedAtEntry(ctx);
      if (ended !== undefined) return ended;
    }
    const generation = this.#admit(ctx);
    if (generation === REJECTED) {
      const rejection = this.#rejection();
      this.#machine.countRejection();
      return rejectedPromise(this.#rejections.record(rejection));
    }
    const startedAt = this.#startedAt;
    // Two callbacks cost less than an async method, and every call takes this path.
    return start(fn, ctx).then(
      (result) => {
        const outcome = this.#options.classify?.({ result }) ?? 'success';
        this.#settle(outcome, generation, startedAt, undefined);
        return result;
      },
      (error: unknown) => {
        const outcome =
          this.#options.classify?.({ error }) ?? outcomeOfError(error, ctx, startedAt, this.#options);
        this.#settle(outcome, generation, startedAt, error);
        throw error;
      },
    );
  }

  /**
   * Returns the rejection with which `execute` would reject now, or undefined. Counts nothing and notifies no listener. Never
   * throws: a wrong deadline counts as one that has passed.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    const { clock, name, shadow } = this.#options;
    const over = rejectionIfOver(ctx, clock, name);
    if (over !== undefined || shadow) return over;
    return this.retryAfterMs() === 0 ? undefined : this.#rejection();
  }

  /**
   * Returns the milliseconds until a call may be admitted: 0 if it is admitted now, exact while OPEN, an estimate while
   * HALF_OPEN; undefined if unknown: while ISOLATED, and while HALF_OPEN if no successful call was measured.
   */
  retryAfterMs(): number | undefined {
    return this.#machine.retryAfterMs(this.#options.clock.now());
  }

  /** Calls `listener` at every change of state. */
  onTransition(listener: (transition: CircuitTransition) => void): Unsubscribe {
    return this.#transitions.add(listener);
  }

  /** Calls `listener` once for every rejection. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#rejections.onRejected(listener);
  }

  /** Rejects every call until the returned object is disposed. Isolations nest; the end of the last one closes the breaker. */
  isolate(): Disposable {
    this.#isolations++;
    if (this.#isolations === 1) this.#machine.isolate();
    let ended = false;
    return {
      [Symbol.dispose]: () => {
        if (ended) return;
        ended = true;
        this.#isolations--;
        if (this.#isolations === 0) this.#machine.close();
      },
    };
  }

  /** Closes the breaker and drops its window. Does nothing while it is isolated. */
  reset(): void {
    if (this.#isolations === 0) this.#machine.close();
  }

  /** Returns its state for {@link CircuitBreaker.restore} in another process. HALF_OPEN counts as OPEN, ISOLATED as CLOSED. */
  snapshot(): CircuitSnapshot {
    const { state } = this;
    const isOpen = state === 'OPEN' || state === 'HALF_OPEN';
    return {
      state: isOpen ? 'OPEN' : 'CLOSED',
      openForMs: state === 'OPEN' ? (this.retryAfterMs() ?? 0) : 0,
      openings: this.#machine.openings,
    };
  }

  /**
   * Takes over the state of another breaker. Does nothing while it is isolated.
   *
   * @throws TypeError or RangeError naming the field of the snapshot that is wrong.
   */
  restore(snapshot: CircuitSnapshot): void {
    const { state, openForMs, openings } = checkSnapshot(snapshot);
    const { maxOpenMs, clock } = this.#options;
    if (this.#isolations > 0) return;
    if (state === 'CLOSED') this.#machine.close();
    else this.#machine.reopen(Math.min(openForMs, maxOpenMs), openings, clock.now());
  }

  /** Returns a snapshot of its gauges and counters. */
  stats(): CircuitBreakerStats {
    const { state } = this;
    const { window, consecutiveFailures, openings } = this.#machine;
    window?.expire(this.#options.clock.now());
    return {
      state,
      consecutiveFailures,
      openings,
      windowCalls: window?.calls ?? 0,
      windowFailures: window?.failures ?? 0,
      windowSlow: window?.slow ?? 0,
      active: this.#admitted - this.#succeeded - this.#failed - this.#ignored,
      admitted: this.#admitted,
      succeeded: this.#succeeded,
      failed: this.#failed,
      ignored: this.#ignored,
      rejected: this.#rejections.count,
    };
  }

  /** Returns the generation of an admitted call and remembers when it began, or returns {@link REJECTED}. */
  #admit(ctx: CallContext): number {
    const machine = this.#machine;
    const { clock, shadow } = this.#options;
    if (machine.isClosed) {
      // A call with a context may run out of time, which is classified by the time that it had.
      const timed = this.#timed || ctx !== EMPTY_CONTEXT || (this.#admitted & (SAMPLE_EVERY - 1)) === 0;
      this.#startedAt = timed ? clock.now() : Number.NaN;
      this.#admitted++;
      return machine.generation;
    }
    const now = clock.now();
    this.#startedAt = now;
    const admitted = machine.tryAdmit(now);
    if (!admitted && !shadow) return REJECTED;
    this.#admitted++;
    return admitted ? machine.generation : UNCOUNTED;
  }

  #rejection(): RejectedError {
    return new RejectedError('CIRCUIT_OPEN', this.#options.name, { retryAfterMs: this.retryAfterMs() });
  }

  #rejectionOf(ctx: CallContext): RejectedError {
    const { clock, name } = this.#options;
    return rejectionIfOver(ctx, clock, name) ?? new RejectedError('CANCELLED', name);
  }

  #endedAtEntry(ctx: CallContext): Promise<never> | undefined {
    try {
      const over = rejectionAtEntry(ctx, this.#options.clock, this.#options.name);
      return over && rejectedPromise(this.#rejections.record(over));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  readonly #settle = (
    outcome: CircuitOutcome,
    generation: number,
    startedAt: number,
    error: unknown,
  ): void => {
    const machine = this.#machine;
    const timed = !Number.isNaN(startedAt);
    // The untimed success of a closed breaker is the common case, which does not read the clock.
    const untimed = !timed && outcome === 'success' && machine.isClosed;
    const now = untimed ? Number.NaN : this.#options.clock.now();
    if (outcome === 'success') {
      this.#succeeded++;
      if (timed) machine.measure(Math.max(0, now - startedAt));
    } else if (outcome === 'failure') {
      this.#failed++;
    } else {
      this.#ignored++;
    }
    const slow = now - startedAt >= this.#options.trip.slowCallMs;
    machine.settle(outcome, generation, startedAt, slow, error, now);
  };
}

/** Starts `fn`; an error that it throws at once becomes a rejection. */
function start<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext): Promise<T> {
  try {
    return Promise.resolve(fn(ctx));
  } catch (error) {
    return Promise.reject(error);
  }
}
