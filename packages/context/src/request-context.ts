import type { CallContext, Clock, ContextChanges, Unsubscribe } from '@bp/core';
import { atDeadline, checkOneOf, signalOf } from '@bp/core/kit';
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

const cancelKinds = ['cancelled', 'caller-gone', 'shed', 'shutdown'] as const;
const nothing = (): void => {};

/**
 * Carries the deadline, cancellation, priority, cost, key and values of one request. Every primitive takes it as its `ctx`.
 *
 * It has no timer, no listener on its parent and no `AbortController` until a listener is added or its signal is read. All
 * deadlines of a clock share one timer, which does not keep the process alive.
 */
class Implementation implements CallContext, Disposable {
  /** Absolute milliseconds on the clock after which the result is worthless; undefined if there is no deadline. */
  readonly deadline: number | undefined;
  /** Higher is more important. */
  readonly priority: number;
  /** Permits, tokens or weight of the call. */
  readonly cost: number;
  /** The client or tenant of the call; undefined if there is none. */
  readonly key: string | undefined;
  /** The `rejectedBy` of the error with which it ends. */
  readonly name: string;
  readonly #clock: Clock;
  readonly #outer: AbortSignal | undefined;
  #parent: Implementation | undefined;
  #values: Values | undefined;
  #timeLimitMs: number | undefined;
  #reason: ContextDoneError | undefined;
  #ended = false;
  #watch: Watch | undefined;
  #signal: AbortSignal | undefined;

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

  /** Returns the milliseconds until the deadline: 0 when it has passed, `Infinity` without one. */
  remainingMs(): number {
    if (this.deadline === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.deadline - this.#clock.now());
  }

  /** Whether the context is over: cancelled, past its deadline or ended, or its parent is over. */
  get done(): boolean {
    return this.doneReason !== undefined;
  }

  /** Why the context is over, as one word; undefined while it is not. */
  get reason(): DoneKind | undefined {
    return this.doneReason?.kind;
  }

  /** Why the context is over, as the error that is the reason of its signal; undefined while it is not. */
  get doneReason(): ContextDoneError | undefined {
    const found = this.#found();
    if (found !== undefined || this.deadline === undefined) return found;
    return this.#clock.now() < this.deadline ? undefined : this.#expired();
  }

  /**
   * An `AbortSignal` for `fetch` and other functions, made when it is first read. It is aborted with the {@link ContextDoneError}
   * when the context is over, but not by {@link Implementation.end}.
   */
  get signal(): AbortSignal {
    this.#signal ??= signalOf(this);
    return this.#signal;
  }

  /** Calls `listener` once when the context is over, at once if it is. Returns a function that removes the listener. */
  onDone(listener: (reason: ContextDoneError) => void): Unsubscribe {
    const reason = this.doneReason;
    if (reason === undefined) return this.#watched().add(listener);
    listener(reason);
    return nothing;
  }

  /**
   * Ends the context and its children. A context that is over keeps its reason.
   *
   * @throws TypeError if `kind` is none of `cancelled` (the default), `caller-gone`, `shed` and `shutdown`.
   */
  cancel(kind: Exclude<DoneKind, 'deadline'> = 'cancelled', cause?: unknown): void {
    checkOneOf('kind', kind, cancelKinds);
    if (!this.done) this.#finish(new ContextDoneError(kind, { cause, rejectedBy: this.name }));
  }

  /** Throws if the context is over. @throws ContextDoneError */
  throwIfDone(): void {
    const reason = this.doneReason;
    if (reason !== undefined) throw reason;
  }

  /**
   * Settles with `promise`, or rejects with a {@link ContextDoneError} if the context is over first. The work behind the promise
   * is not stopped: pass it the signal.
   */
  race<T>(promise: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const remove = this.onDone(reject);
      // A thenable of another library may throw instead of rejecting.
      Promise.resolve(promise).then(
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

  /**
   * Makes a context for a part of the work. It is over no later than this one and has the earlier of both deadlines. End it if
   * it has listeners and this context lives long.
   *
   * @throws TypeError or RangeError naming the first option that is wrong.
   */
  child(options: ChildOptions = {}): RequestContext {
    return this.#child(options);
  }

  /** Makes a child for a policy such as a timeout; see `CallContext.derive`. */
  derive({ deadline, signal, name, timeLimitMs }: ContextChanges): RequestContext {
    const child = this.#child({ deadline, signal, name });
    if (timeLimitMs !== undefined) {
      child.#timeLimitMs = Math.min(timeLimitMs, this.#timeLimitMs ?? Number.POSITIVE_INFINITY);
    }
    return child;
  }

  /** Makes a child that carries `value` under `key`; `get` returns it there and in its children. */
  with<T>(key: ContextKey<T>, value: T): RequestContext {
    const child = this.#child({});
    child.#values = { key: key as ContextKey<unknown>, value, next: this.#values };
    return child;
  }

  /** Returns the value under `key` of this context or its nearest ancestor; undefined if there is none. */
  get<T>(key: ContextKey<T>): T | undefined {
    return valueUnder(key, this.#values);
  }

  /**
   * Makes a context for work that must finish even if this request ends. It has the same values, priority, cost and key, only its
   * own deadline, and is not cancelled with this context.
   *
   * @throws TypeError or RangeError naming the first option that is wrong.
   */
  detached(options: ChildOptions = {}): RequestContext {
    checkChildNames(options);
    return this.#derive(options, options.deadline);
  }

  /**
   * Ends the context because its work has ended. Listeners are removed without a call, and no timer is left behind. A signal that
   * was handed out stays as it is, because a response may still be read with it. Children are cancelled, and later calls with
   * this context are rejected with `CANCELLED`.
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

  #child(options: ChildOptions): Implementation {
    checkChildNames(options);
    const deadline = checkedDeadline(options.deadline, this.#clock);
    const child = this.#derive(options, earlierDeadline(deadline, this.deadline));
    child.#parent = this;
    child.#timeLimitMs = this.#timeLimitMs;
    return child;
  }

  #derive(options: ChildOptions, deadline: number | undefined): Implementation {
    const {
      timeoutMs,
      signal,
      priority = this.priority,
      cost = this.cost,
      key = this.key,
      name = this.name,
    } = options;
    const derived = new Implementation({
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

  /** Returns why the context is over, as far as that is known without reading the clock. */
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
    const leaveParent = parent === undefined ? undefined : parent.#watched().addChild(finish);
    const onAbort = (): void => finish(endFor(outer?.reason, this.name));
    outer?.addEventListener('abort', onAbort, { once: true });
    // A parent with the same deadline notifies its children.
    const timer =
      this.deadline === undefined || this.deadline === parent?.deadline
        ? undefined
        : atDeadline(this.#clock, this.deadline, () => finish(this.doneReason as ContextDoneError));
    return () => {
      leaveParent?.();
      outer?.removeEventListener('abort', onAbort);
      timer?.cancel();
    };
  }

  #finish(reason: ContextDoneError): void {
    this.#reason ??= reason;
    this.#watch?.finish(this.#reason);
  }
}

/**
 * The type of a request context. It is an interface and not the class, so that the ESM and the CommonJS types of this package mean
 * the same: classes with private fields would differ.
 */
export interface RequestContext extends Pick<Implementation, keyof Implementation> {}

/** Makes a {@link RequestContext}. */
export const RequestContext: new (options?: RequestContextOptions) => RequestContext = Implementation;
