import type { CallContext, ContextChanges, DerivedContext } from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { RejectedError } from '../rejected-error.ts';
import { EMPTY_CONTEXT, rejectionFor, watchContext } from './call-end.ts';
import { throwLater } from './never-throwing.ts';

/** Who derives a context. */
export interface DeriveOptions extends ContextChanges {
  /** The clock of `deadline`. */
  readonly clock: Clock;
  /** The name in the rejection that ends the derived context. */
  readonly name: string;
}

type DoneListener = (reason: unknown) => void;

/** A plain context with an earlier end; every field that it does not change is copied. */
class Derived implements DerivedContext {
  readonly deadline: number | undefined;
  readonly priority: number | undefined;
  readonly cost: number | undefined;
  readonly key: string | undefined;
  readonly #name: string;
  readonly #listeners = new Set<DoneListener>();
  #controller: AbortController | undefined;
  #unwatch: (() => void)[] = [];
  #reason: unknown;
  #ended = false;

  constructor(
    outer: CallContext,
    { deadline = Number.POSITIVE_INFINITY, signal, clock, name }: DeriveOptions,
  ) {
    const { signal: outerSignal, deadline: outerDeadline, onDone, doneReason, derive, ...fields } = outer;
    Object.assign(this, fields);
    this.priority = outer.priority;
    this.cost = outer.cost;
    this.key = outer.key;
    this.#name = name;
    const earlier = Math.min(deadline, outerDeadline ?? Number.POSITIVE_INFINITY);
    this.deadline = earlier === Number.POSITIVE_INFINITY ? undefined : earlier;

    // Reading the signal of a context that has `onDone` may cost a controller.
    const original: CallContext = onDone === undefined ? { signal: outerSignal } : outer;
    for (const source of [original, { signal, deadline: this.deadline }]) {
      const unwatch = watchContext(source, clock, name, (rejection) => this.#finish(rejection));
      if (unwatch !== undefined) this.#unwatch.push(unwatch);
    }
    if (this.#reason !== undefined) this.#stopWatching();
  }

  get doneReason(): unknown {
    return this.#reason;
  }

  /** Aborted when the context is over before its work has ended. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      this.onDone((reason) => controller.abort(reason));
    }
    return this.#controller.signal;
  }

  onDone(listener: DoneListener): () => void {
    if (this.#reason !== undefined) {
      listener(this.#reason);
      return () => {};
    }
    if (this.#ended) return () => {};
    const own: DoneListener = (reason) => listener(reason);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  end(): void {
    this.#ended = true;
    this.#listeners.clear();
    this.#stopWatching();
  }

  #finish(rejection: RejectedError): void {
    if (this.#reason !== undefined || this.#ended) return;
    // Work that was running meets this error; its cause is what the caller gave as the reason.
    this.#reason = new RejectedError(rejection.code, this.#name, { workBegan: true, cause: rejection.cause });
    this.#stopWatching();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) {
      try {
        listener(this.#reason);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #stopWatching(): void {
    for (const unwatch of this.#unwatch.splice(0)) unwatch();
  }
}

/**
 * A context like `ctx` that is over no later than `deadline`, and when `signal` is aborted. It keeps every field of a plain
 * context; a context with a `derive` method, such as a `RequestContext`, derives itself. Call `end()` on it when its work
 * is over.
 */
export function deriveContext(ctx: CallContext | undefined, options: DeriveOptions): DerivedContext {
  const { deadline, signal } = options;
  return ctx?.derive?.({ deadline, signal }) ?? new Derived(ctx ?? EMPTY_CONTEXT, options);
}

/**
 * What `work` comes to, or the end of `ctx` as a `RejectedError` that says `workBegan`, whichever is first. The work is not
 * stopped by this: its signal asks it to stop. A result that comes too late is given to `discard`.
 */
export function raceContext<T>(
  ctx: DerivedContext,
  name: string,
  work: () => T | PromiseLike<T>,
  discard?: (late: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const stop = ctx.onDone((reason) => {
      over = true;
      const { code, cause } = rejectionFor(reason, name);
      reject(new RejectedError(code, name, { workBegan: true, cause }));
    });
    if (over) return;
    (async () => work())().then(
      (result) => {
        stop();
        if (over) discard?.(result);
        else resolve(result);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}
