import { type AdmissionOptions, atDeadline, type Clock, type Timer, type Unsubscribe } from '@bp/core';
import { ContextDoneError, type DoneKind } from './done.ts';
import type { ContextKey } from './key.ts';
import {
  type ChildOptions,
  type RequestContextOptions,
  type ResolvedContextOptions,
  resolveOptions,
} from './options.ts';

type DoneListener = (reason: ContextDoneError) => void;

interface Value {
  readonly key: ContextKey<unknown>;
  readonly value: unknown;
  readonly next: Value | undefined;
}

/**
 * One request on its way through a system: until when its answer is wanted, whether it still is, how important it is.
 * Every primitive takes it as its `ctx`.
 *
 * It costs nothing it does not need: no timer, no listener on its parent and no `AbortController` until somebody asks to
 * be told. Deadlines of any size share one timer.
 */
export class RequestContext implements AdmissionOptions, Disposable {
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #outer: AbortSignal | undefined;
  readonly #parent: RequestContext | undefined;
  readonly #values: Value | undefined;
  /** Higher is more important. */
  readonly priority: number;
  /** What the call costs a limiter. */
  readonly cost: number;
  #reason: ContextDoneError | undefined;
  #ended = false;
  #controller: AbortController | undefined;
  #listeners: Set<DoneListener> | undefined;
  /** Children that want to be told; the others look up to their parent when they are asked. */
  #children: Set<RequestContext> | undefined;
  #watching = false;
  #timer: Timer | undefined;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RequestContextOptions = {}, parent?: RequestContext, values?: Value) {
    const resolved: ResolvedContextOptions = resolveOptions(options);
    this.#clock = resolved.clock;
    this.#deadline = resolved.deadline;
    this.#outer = resolved.signal;
    this.priority = resolved.priority;
    this.cost = resolved.cost;
    this.#parent = parent;
    this.#values = values;
  }

  /** Absolute milliseconds on the clock after which the answer is worthless; undefined if there is no such time. */
  get deadline(): number | undefined {
    return this.#deadline === Number.POSITIVE_INFINITY ? undefined : this.#deadline;
  }

  /** Milliseconds until the deadline, 0 when it has passed, Infinity without one. */
  remainingMs(): number {
    return Math.max(0, this.#deadline - this.#clock.now());
  }

  /** Whether it is over: cancelled, past its deadline, or its parent is over. */
  get done(): boolean {
    return this.doneReason !== undefined;
  }

  /** Why it is over, undefined while it is not. Its `kind` tells a deadline from a caller that left, and so on. */
  get doneReason(): ContextDoneError | undefined {
    if (this.#reason === undefined && !this.#ended) this.#reason = this.#findReason();
    return this.#reason;
  }

  /** For fetch and friends; made the first time it is read. Aborted with the {@link ContextDoneError}. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const reason = this.doneReason;
      if (reason !== undefined) this.#controller.abort(reason);
      else this.#watch();
    }
    return this.#controller.signal;
  }

  /**
   * Calls `listener` once when the context is over, at once if it is; returns what removes it. A context that has
   * ended calls nobody.
   */
  readonly onDone = (listener: (reason: ContextDoneError) => void): Unsubscribe => {
    const reason = this.doneReason;
    if (reason !== undefined || this.#ended) {
      if (reason !== undefined) listener(reason);
      return () => {};
    }
    const own: DoneListener = (why) => listener(why);
    this.#listeners ??= new Set();
    this.#listeners.add(own);
    this.#watch();
    return () => {
      this.#listeners?.delete(own);
      if (this.#listeners?.size === 0 && this.#controller === undefined) this.#unwatch();
    };
  };

  /** Ends the context early, and everything below it; the first reason stays. */
  cancel(kind: Exclude<DoneKind, 'deadline'> = 'cancelled', cause?: unknown): void {
    if (this.doneReason === undefined && !this.#ended) this.#finish(new ContextDoneError(kind, cause));
  }

  /** @throws ContextDoneError if it is over. */
  throwIfDone(): void {
    const reason = this.doneReason;
    if (reason !== undefined) throw reason;
  }

  /**
   * What `promise` comes to, or a {@link ContextDoneError} if the context is over first. The work behind the promise is
   * not stopped: give it the signal for that.
   */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const remove = this.onDone(reject);
      promise.then(
        (value) => {
          remove();
          resolve(value);
        },
        (error: unknown) => {
          remove();
          reject(error);
        },
      );
    });
  }

  /** A context for a part of the work: over at the latest when this one is, and with the earlier of both deadlines. */
  child(options: ChildOptions = {}): RequestContext {
    return this.#derive(options, this.#values);
  }

  /** A child that carries `value` under `key`; `get` finds it there and below. */
  with<T>(key: ContextKey<T>, value: T): RequestContext {
    return this.#derive({}, { key: key as ContextKey<unknown>, value, next: this.#values });
  }

  /** The value nearest to this context under `key`, undefined if there is none. */
  get<T>(key: ContextKey<T>): T | undefined {
    for (let entry = this.#values; entry !== undefined; entry = entry.next) {
      if (entry.key === key) return entry.value as T;
    }
    return undefined;
  }

  /** A context for work that must finish: same priority, cost and values, but no deadline, and nobody cancels it from here. */
  detached(): RequestContext {
    const { priority, cost } = this;
    return new RequestContext({ priority, cost, clock: this.#clock }, undefined, this.#values);
  }

  /**
   * Says that the work is over. Nothing is left behind: listeners are forgotten uncalled, the signal is never aborted any
   * more, and children that still run are cancelled.
   */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const children = this.#children;
    this.#children = undefined;
    this.#listeners = undefined;
    this.#unwatch();
    if (children !== undefined) {
      const reason = this.#reason ?? new ContextDoneError('cancelled', 'the parent has ended');
      for (const child of children) child.#finish(reason);
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #derive(options: ChildOptions, values: Value | undefined): RequestContext {
    const {
      timeoutMs,
      deadline = Number.POSITIVE_INFINITY,
      priority = this.priority,
      cost = this.cost,
    } = options;
    return new RequestContext(
      {
        timeoutMs,
        deadline: Math.min(deadline, this.#deadline),
        signal: options.signal,
        priority,
        cost,
        clock: this.#clock,
      },
      this,
      values,
    );
  }

  #findReason(): ContextDoneError | undefined {
    const parent = this.#parent;
    if (parent !== undefined) {
      if (parent.doneReason !== undefined) return parent.doneReason;
      if (parent.#ended) return new ContextDoneError('cancelled', 'the parent has ended');
    }
    if (this.#outer?.aborted) return fromSignal(this.#outer);
    if (this.#deadline !== Number.POSITIVE_INFINITY && this.#clock.now() >= this.#deadline) {
      return new ContextDoneError('deadline');
    }
    return undefined;
  }

  #watch(): void {
    if (this.#watching || this.#ended) return;
    this.#watching = true;
    const parent = this.#parent;
    if (parent !== undefined) {
      parent.#children ??= new Set();
      parent.#children.add(this);
      parent.#watch();
    }
    this.#outer?.addEventListener('abort', this.#onOuterAbort, { once: true });
    // A parent with the same deadline tells its children.
    if (this.#deadline < (parent === undefined ? Number.POSITIVE_INFINITY : parent.#deadline)) {
      this.#timer = atDeadline(this.#clock, this.#deadline, () =>
        this.#finish(new ContextDoneError('deadline')),
      );
    }
  }

  #unwatch(): void {
    if (!this.#watching) return;
    this.#watching = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#outer?.removeEventListener('abort', this.#onOuterAbort);
    if (this.#parent !== undefined) this.#parent.#forget(this);
  }

  #forget(child: RequestContext): void {
    this.#children?.delete(child);
    const wanted = this.#children?.size || this.#listeners?.size || this.#controller !== undefined;
    if (!wanted) this.#unwatch();
  }

  readonly #onOuterAbort = (): void => {
    if (this.#outer !== undefined) this.#finish(fromSignal(this.#outer));
  };

  #finish(reason: ContextDoneError): void {
    if (this.#ended) return;
    this.#reason ??= reason;
    const why = this.#reason;
    const children = this.#children;
    const listeners = this.#listeners;
    this.#children = undefined;
    this.#listeners = undefined;
    this.#unwatch();
    if (children !== undefined) for (const child of children) child.#finish(why);
    if (listeners !== undefined) for (const listener of listeners) listener(why);
    this.#controller?.abort(why);
  }
}

function fromSignal(signal: AbortSignal): ContextDoneError {
  const { reason } = signal as { reason: unknown };
  if (reason instanceof ContextDoneError) return reason;
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError';
  return new ContextDoneError(timedOut ? 'deadline' : 'cancelled', reason);
}
