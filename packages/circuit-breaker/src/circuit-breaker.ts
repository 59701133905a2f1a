import { type CallContext, type Policy, RejectedError, type Unsubscribe } from '@bp/core';
import {
  checkInteger,
  checkNonNegative,
  checkOneOf,
  checkOptions,
  EMPTY_CONTEXT,
  Listeners,
  rejectedPromise,
  rejectionAtEntry,
} from '@bp/core/kit';
import { type CircuitBreakerOptions, type ResolvedCircuitBreakerOptions, resolveOptions } from './options.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { OncePermit, type Permit } from './permit.ts';
import { type CircuitState, StateMachine } from './states.ts';

const REFUSED = -1;
/** The generation of a call that is let through only because nothing may be rejected: no state is its own. */
const UNCOUNTED = -2;

/** A change of state. */
export interface Transition {
  readonly from: CircuitState;
  readonly to: CircuitState;
  /** The error that opened the breaker, if one did. */
  readonly error: unknown;
}

/** A snapshot of a `CircuitBreaker`: gauges and counters that only grow. */
export interface CircuitBreakerStats {
  readonly state: CircuitState;
  /** Failures in a row, while closed. */
  readonly failures: number;
  /** Times it has opened since it was last closed. */
  readonly openings: number;
  /** Calls in the window of the rates, and how many of them failed or were slow; 0 without rates. */
  readonly windowCalls: number;
  readonly windowFailures: number;
  readonly windowSlow: number;
  /** Calls let through. */
  readonly admitted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly ignored: number;
  /** Calls rejected. */
  readonly rejected: number;
}

/** What survives a restart: how a breaker stands, in times that mean the same to any clock. */
export interface CircuitSnapshot {
  readonly state: 'CLOSED' | 'OPEN';
  /** Milliseconds it would have stayed open; 0 if it is closed. */
  readonly openForMs: number;
  readonly openings: number;
}

/**
 * Stops calling a dependency that fails, tries it again with a few probes, and says when.
 *
 * Every call belongs to the generation it began in; what comes of it changes nothing if the state has changed since.
 * Rejections by other primitives and the caller's own cancellation are no failures. There is no timer.
 */
export class CircuitBreaker implements Policy {
  readonly #options: ResolvedCircuitBreakerOptions;
  readonly #machine: StateMachine;
  readonly #transitions = new Listeners<Transition>();
  /** Whether a call must be timed: only for slow calls and for a window of time. */
  readonly #timed: boolean;
  #isolations = 0;
  #admitted = 0;
  #succeeded = 0;
  #failed = 0;
  #ignored = 0;
  #rejected = 0;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: CircuitBreakerOptions = {}) {
    const resolved = resolveOptions(options);
    const { window, slowCallMs } = resolved.trip;
    this.#options = resolved;
    this.#timed = slowCallMs !== Number.POSITIVE_INFINITY || (window !== undefined && 'ms' in window);
    this.#machine = new StateMachine(resolved, (from, to, error) =>
      this.#transitions.emit({ from, to, error }),
    );
  }

  /** The state now; asking lets time pass, so that OPEN becomes HALF_OPEN when it is due. */
  get state(): CircuitState {
    return this.#machine.stateAt(this.#options.clock.now());
  }

  /** A permit to settle by hand, or undefined if the call is rejected. Never throws; a rejection allocates nothing. */
  tryAcquire(): Permit | undefined {
    const generation = this.#admit();
    if (generation === REFUSED) return undefined;
    return new OncePermit(this.#settle, generation, this.#startedAt());
  }

  /**
   * Calls `fn` if the breaker lets it, and counts what comes of it. Rejects with the error of `fn`, or with a
   * `RejectedError` of code `CIRCUIT_OPEN` (and the time left), `DEADLINE_EXCEEDED` or `CANCELLED` if `ctx` was over.
   */
  execute<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    if (ctx !== EMPTY_CONTEXT) {
      const over = rejectionAtEntry(ctx, this.#options.clock, this.#options.name);
      if (over !== undefined) return rejectedPromise(over);
    }
    const generation = this.#admit();
    if (generation === REFUSED) return rejectedPromise(this.#rejection());
    const startedAt = this.#startedAt();
    // Two functions are cheaper than the generator behind an async method, and this is the path of every good call.
    return start(fn, ctx).then(
      (result) => {
        this.#settle(this.#options.classify?.({ result }) ?? 'success', generation, startedAt, undefined);
        return result;
      },
      (error: unknown) => {
        this.#settle(
          this.#options.classify?.({ error }) ?? outcomeOf(error, ctx),
          generation,
          startedAt,
          error,
        );
        throw error;
      },
    );
  }

  /** Milliseconds until a call may be let through: 0 if it may now, Infinity while isolated. */
  retryAfterMs(): number {
    return this.#machine.retryAfterMs(this.#options.clock.now());
  }

  /** Calls `listener` at every change of state. */
  onTransition(listener: (transition: Transition) => void): Unsubscribe {
    return this.#transitions.add(listener);
  }

  /** Rejects everything until what is returned is disposed; isolations nest, and the last one to end closes the breaker. */
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

  /** Closes the breaker and forgets what it counted towards opening; without effect while it is isolated. */
  reset(): void {
    if (this.#isolations === 0) this.#machine.close();
  }

  /** How it stands, to be given to {@link CircuitBreaker.restore} in another process. Probing counts as open, isolation not. */
  snapshot(): CircuitSnapshot {
    const state = this.state;
    const open = state === 'OPEN' || state === 'HALF_OPEN';
    return {
      state: open ? 'OPEN' : 'CLOSED',
      openForMs: state === 'OPEN' ? this.retryAfterMs() : 0,
      openings: this.#machine.openings,
    };
  }

  /**
   * Stands as another breaker did; without effect while it is isolated.
   *
   * @throws TypeError or RangeError naming what makes no sense in the snapshot.
   */
  restore(snapshot: CircuitSnapshot): void {
    const { state, openForMs, openings } = checkOptions(snapshot);
    checkOneOf('snapshot.state', state, ['CLOSED', 'OPEN']);
    checkNonNegative('snapshot.openForMs', openForMs);
    checkInteger('snapshot.openings', openings, 0);
    const { maxOpenMs, clock } = this.#options;
    if (state === 'CLOSED') this.reset();
    else if (this.#isolations === 0)
      this.#machine.reopen(Math.min(openForMs, maxOpenMs), openings, clock.now());
  }

  /** A snapshot of the counters; reading it costs nobody else anything. */
  stats(): CircuitBreakerStats {
    const state = this.state;
    const { window, consecutiveFailures, openings } = this.#machine;
    window?.expire(this.#options.clock.now());
    return {
      state,
      failures: consecutiveFailures,
      openings,
      windowCalls: window?.calls ?? 0,
      windowFailures: window?.failures ?? 0,
      windowSlow: window?.slow ?? 0,
      admitted: this.#admitted,
      succeeded: this.#succeeded,
      failed: this.#failed,
      ignored: this.#ignored,
      rejected: this.#rejected,
    };
  }

  /** The generation that the call belongs to, or that it is rejected. */
  #admit(): number {
    const machine = this.#machine;
    if (machine.isClosed || machine.admit(this.#options.clock.now())) {
      this.#admitted++;
      return machine.generation;
    }
    if (this.#options.shadow) {
      this.#admitted++;
      return UNCOUNTED;
    }
    this.#rejected++;
    return REFUSED;
  }

  #startedAt(): number {
    return this.#timed ? this.#options.clock.now() : 0;
  }

  #rejection(): RejectedError {
    const retryAfterMs = this.retryAfterMs();
    return new RejectedError('CIRCUIT_OPEN', this.#options.name, {
      retryAfterMs: retryAfterMs === Number.POSITIVE_INFINITY ? undefined : retryAfterMs,
    });
  }

  readonly #settle = (outcome: Outcome, generation: number, startedAt: number, error: unknown): void => {
    const machine = this.#machine;
    // While closed and untimed nobody looks at the time, so success costs no look at the clock.
    const now = outcome === 'success' && machine.isClosed && !this.#timed ? 0 : this.#options.clock.now();
    const slow = this.#timed && now - startedAt >= this.#options.trip.slowCallMs;
    if (outcome === 'success') {
      this.#succeeded++;
      machine.succeed(generation, slow, now);
    } else if (outcome === 'failure') {
      this.#failed++;
      machine.fail(generation, slow, error, now);
    } else {
      this.#ignored++;
      machine.ignore(generation, now);
    }
  };
}

/** What `fn` comes to, also if it throws before it returns. */
function start<T>(fn: (ctx: CallContext) => T | PromiseLike<T>, ctx: CallContext): Promise<T> {
  try {
    return Promise.resolve(fn(ctx));
  } catch (error) {
    return Promise.reject(error);
  }
}
