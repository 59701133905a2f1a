import { type CallContext, type Clock, RejectedError, type Timer } from '@bp/core';
import { atDeadline, watchContext } from '@bp/core/kit';

/** What a `LinkedContext` needs beside the contexts it depends on. */
export interface LinkOptions {
  /** Absolute milliseconds on the clock; Infinity for none. */
  readonly deadline: number;
  readonly clock: Clock;
  readonly name: string;
}

/** Runs what is left to do once an object can no longer be reached. */
const whenCollected = /* @__PURE__ */ new FinalizationRegistry<() => void>((run) => run());

/**
 * A context that is over as soon as one of several others is, or its own deadline passes. `AbortSignal.any` would do for
 * the signal, but leaves something on every long-lived signal it was ever given.
 */
export class LinkedContext implements CallContext {
  /** Absolute milliseconds on the clock; undefined if there is no such time. */
  readonly deadline: number | undefined;
  readonly priority: number | undefined;
  readonly cost: number | undefined;
  readonly #name: string;
  readonly #controller = new AbortController();
  readonly #timer: Timer | undefined;
  #links: ((() => void) | undefined)[];
  #rejection: RejectedError | undefined;
  #onOver: ((rejection: RejectedError) => void) | undefined;

  /** @param outers - what it depends on; priority and cost are those of the first. */
  constructor(outers: readonly CallContext[], { deadline, clock, name }: LinkOptions) {
    this.#name = name;
    this.deadline = deadline === Number.POSITIVE_INFINITY ? undefined : deadline;
    this.priority = outers[0]?.priority;
    this.cost = outers[0]?.cost;
    this.#timer =
      this.deadline === undefined
        ? undefined
        : atDeadline(clock, deadline, () => this.#over(new RejectedError('DEADLINE_EXCEEDED', name)));
    this.#links = [];
    this.#links = outers.map((outer) =>
      // Without its deadline, which has its timer; and its signal is not read where reading it costs something.
      watchContext(outer.onDone === undefined ? { signal: outer.signal } : outer, clock, name, (rejection) =>
        this.#over(rejection),
      ),
    );
    // One of the others may have been over already: it has told, but its link did not exist yet.
    if (this.#rejection !== undefined) this.end();
  }

  /** Aborted, with the reason of the other one if it has one, when this context is over before it has ended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * What `fn` comes to, or a rejection as soon as the context is over: the work may take longer to heed its signal, and
   * what it returns then is given to `discard`.
   */
  run<T>(fn: () => T | PromiseLike<T>, discard?: (late: T) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#rejection !== undefined) {
        reject(this.#rejection);
        return;
      }
      this.#onOver = reject;
      (async () => fn())().then((result) => {
        if (this.#rejection === undefined) resolve(result);
        else discard?.(result);
      }, reject);
    });
  }

  /** Leaves no timer and no listener behind; the signal is not aborted any more. */
  end(): void {
    this.#settle();
    for (const unlink of this.#links.splice(0)) unlink?.();
  }

  /** The same, but the others can still abort the signal for as long as somebody holds `body`. */
  endWith(body: object | null): void {
    this.#settle();
    if (body === null) this.end();
    else whenCollected.register(body, () => this.end());
  }

  #settle(): void {
    this.#timer?.cancel();
    // It leads to what the work came to, which would then be held for as long as this is.
    this.#onOver = undefined;
  }

  #over({ code, cause }: RejectedError): void {
    if (this.#rejection !== undefined) return;
    this.#rejection = new RejectedError(code, this.#name, { workBegan: true, cause });
    this.#onOver?.(this.#rejection);
    this.end();
    this.#controller.abort(cause ?? this.#rejection);
  }
}
