import type { CallContext, Clock, ContextChanges, Unsubscribe } from '@bp/core';
import { atDeadline, checkOneOf } from '@bp/core/kit';
import { ContextDoneError, type DoneKind, endFor } from './done.ts';
import { type ContextKey, type Values, valueUnder } from './key.ts';
import {
  type ChildOptions,
  checkChildNames,
  checkedDeadline,
  earlierDeadline,
  type RequestContextOptions,
  resolveOptions,
} from './options.ts';
import { Watch } from './watch.ts';

// From the global registry, so that two copies of this package in one process recognise each other's contexts.
const brand = Symbol.for('@bp/context/RequestContext');
const cancelKinds = ['cancelled', 'caller-gone', 'shed', 'shutdown'] as const;
const nothing = (): void => {};

/**
 * One request on its way through a system: until when its answer is wanted, whether it still is, how important it is.
 * Every primitive takes it as its `ctx`.
 *
 * It costs nothing it does not need: no timer, no listener on its parent and no `AbortController` until somebody asks to
 * be told. Deadlines of any size share one timer.
 */
export class RequestContext implements CallContext, Disposable {
  /** Absolute milliseconds on the clock after which the answer is worthless; undefined if there is no such time. */
  readonly deadline: number | undefined;
  /** Higher is more important. */
  readonly priority: number;
  /** What the call costs a limiter. */
  readonly cost: number;
  /** Who asks; undefined is nobody in particular. */
  readonly key: string | undefined;
  /** What it is called in the errors that its end leads to. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  #parent: RequestContext | undefined;
  #values: Values | undefined;
  #timeLimitMs: number | undefined;
  #reason: ContextDoneError | undefined;
  #ended = false;
  #watch: Watch | undefined;
  #controller: AbortController | undefined;

  /** @throws TypeError or RangeError naming the first option that is wrong. */
  constructor(options: RequestContextOptions = {}) {
    const { deadline, signal, priority, cost, key, name, clock } = resolveOptions(options);
    this.deadline = deadline;
    this.priority = priority;
    this.cost = cost;
    this.key = key;
    this.name = name;
    this.#clock = clock;
    this.#outer = signal;
  }

  /** Milliseconds that the policies of this process, such as `timeout`, give the work; undefined without such a limit. */
  get timeLimitMs(): number | undefined {
    return this.#timeLimitMs;
  }

  /** Milliseconds until the deadline, 0 when it has passed, Infinity without one. */
  remainingMs(): number {
    if (this.deadline === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.deadline - this.#clock.now());
  }

  /** Whether it is over: cancelled, past its deadline or ended, or its parent is over. */
  get done(): boolean {
    return this.doneReason !== undefined;
  }

  /** Why it is over in one word, undefined while it is not. */
  get reason(): DoneKind | undefined {
    return this.doneReason?.kind;
  }

  /** Why it is over as the error that its signal is aborted with, undefined while it is not. */
  get doneReason(): ContextDoneError | undefined {
    const found = this.#found();
    if (found !== undefined || this.deadline === undefined) return found;
    return this.#clock.now() < this.deadline ? undefined : this.#expired();
  }

  /**
   * For fetch and friends; made the first time it is read. Aborted with the {@link ContextDoneError} when the context is
   * over, but not because its work has ended.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.onDone((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  /** Calls `listener` once when the context is over, at once if it is; returns what removes it. */
  onDone(listener: (reason: ContextDoneError) => void): Unsubscribe {
    const reason = this.doneReason;
    if (reason === undefined) return this.#watched().add(listener);
    listener(reason);
    return nothing;
  }

  /**
   * Ends the context early, and everything below it; the first reason stays.
   *
   * @throws TypeError if `kind` is none of `cancelled` (the default), `caller-gone`, `shed` and `shutdown`.
   */
  cancel(kind: Exclude<DoneKind, 'deadline'> = 'cancelled', cause?: unknown): void {
    checkOneOf('kind', kind, cancelKinds);
    if (!this.done) this.#finish(new ContextDoneError(kind, { cause, rejectedBy: this.name }));
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
      const leave = this.onDone(reject);
      // Foreign thenables may throw where they should reject.
      Promise.resolve(promise).then(
        (value) => {
          leave();
          resolve(value);
        },
        (error: unknown) => {
          leave();
          reject(error);
        },
      );
    });
  }

  /**
   * A context for a part of the work: over at the latest when this one is, with the earlier of both deadlines. End it if
   * anybody waits on it and this one lives long.
   *
   * @throws TypeError or RangeError naming the first option that is wrong.
   */
  child(options: ChildOptions = {}): RequestContext {
    checkChildNames(options);
    const deadline = checkedDeadline(options.deadline, this.#clock);
    const child = this.#derive(options, earlierDeadline(deadline, this.deadline));
    child.#parent = this;
    child.#timeLimitMs = this.#timeLimitMs;
    return child;
  }

  /** Derives a child for a policy such as a timeout: what it carries is kept. */
  derive({ deadline, signal, name, timeLimitMs }: ContextChanges): RequestContext {
    const child = this.child({ deadline, signal, name });
    if (timeLimitMs !== undefined) {
      child.#timeLimitMs = Math.min(timeLimitMs, this.#timeLimitMs ?? Number.POSITIVE_INFINITY);
    }
    return child;
  }

  /** A child that carries `value` under `key`; `get` finds it there and below. */
  with<T>(key: ContextKey<T>, value: T): RequestContext {
    const child = this.child();
    child.#values = { key: key as ContextKey<unknown>, value, next: this.#values };
    return child;
  }

  /** The value nearest to this context under `key`, undefined if there is none. */
  get<T>(key: ContextKey<T>): T | undefined {
    return valueUnder(key, this.#values);
  }

  /**
   * A context for work that must finish whatever becomes of this request: same values, priority, cost and key, but no deadline
   * except its own, and nobody cancels it from here.
   *
   * @throws TypeError or RangeError naming the first option that is wrong.
   */
  detached(options: ChildOptions = {}): RequestContext {
    checkChildNames(options);
    return this.#derive(options, options.deadline);
  }

  /**
   * Says that the work is over. Nothing is left behind: listeners are forgotten uncalled, and a signal that was handed out
   * stays as it is, so that what goes on with it (an answer that is still being read) is not disturbed. Children are
   * cancelled, and whoever asks or comes later finds this context cancelled too.
   */
  end(): void {
    this.#ended = true;
    const children = this.#watch?.end() ?? [];
    this.#watch = undefined;
    for (const child of children) child(this.#found() as ContextDoneError);
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** The brand by which {@link isRequestContext} knows a context. */
  get [brand](): true {
    return true;
  }

  #derive(options: ChildOptions, deadline: number | undefined): RequestContext {
    const {
      timeoutMs,
      signal,
      priority = this.priority,
      cost = this.cost,
      key = this.key,
      name = this.name,
    } = options;
    const derived = new RequestContext({
      timeoutMs,
      deadline,
      signal,
      priority,
      cost,
      key,
      name,
      clock: this.#clock,
    });
    derived.#values = this.#values;
    return derived;
  }

  /** Why it is over as far as that can be known without asking the clock. */
  #found(): ContextDoneError | undefined {
    if (this.#reason !== undefined) return this.#reason;
    if (this.#ended)
      this.#reason = new ContextDoneError('cancelled', { cause: 'ended', rejectedBy: this.name });
    else if (this.#parent !== undefined) this.#reason = this.#parent.#found();
    if (this.#outer?.aborted) this.#reason ??= endFor(this.#outer.reason, this.name);
    return this.#reason;
  }

  #expired(): ContextDoneError {
    const inherited = this.#parent?.deadline === this.deadline ? this.#parent?.doneReason : undefined;
    this.#reason = inherited ?? new ContextDoneError('deadline', { rejectedBy: this.name });
    return this.#reason;
  }

  #watched(): Watch {
    this.#watch ??= new Watch(() => this.#watchSources());
    return this.#watch;
  }

  #watchSources(): Unsubscribe {
    const outer = this.#outer;
    const parent = this.#parent;
    const finish = (reason: ContextDoneError): void => this.#finish(reason);
    const leave = parent === undefined ? undefined : parent.#watched().addChild(finish);
    const onAbort = (): void => finish(endFor(outer?.reason, this.name));
    outer?.addEventListener('abort', onAbort, { once: true });
    // A parent with the same deadline tells its children.
    const timer =
      this.deadline === undefined || this.deadline === parent?.deadline
        ? undefined
        : atDeadline(this.#clock, this.deadline, () => finish(this.doneReason as ContextDoneError));
    return () => {
      leave?.();
      outer?.removeEventListener('abort', onAbort);
      timer?.cancel();
    };
  }

  #finish(reason: ContextDoneError): void {
    this.#reason ??= reason;
    this.#watch?.finish(this.#reason);
  }
}

/** Whether `ctx` is a {@link RequestContext}, made by any copy of this package. */
export function isRequestContext(ctx: CallContext): ctx is RequestContext {
  return brand in ctx;
}
