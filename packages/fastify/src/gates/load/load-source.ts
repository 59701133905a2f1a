import { type CallContext, isRejected, type RejectedError } from '@bp/core';

/**
 * Something that admitted requests go on to wait for: a `WorkerPool`, a `ConcurrencyLimiter`, or any object with an estimated
 * wait. `ctx` has the priority, deadline and key of the request. Its cost counts as 1, as in `request.backpressure`.
 */
export interface LoadSource {
  /** The name in rejections. Default: the position in `load.sources`. */
  readonly name?: string | undefined;
  /** Milliseconds (>= 0) that a call made now would wait: 0 if it would start at once, undefined if unknown. */
  estimatedWaitMs(ctx?: CallContext): number | undefined;
  /** The rejection of a call made now, undefined if it would be admitted. A source with `check` bounds its own queue. */
  check?(ctx?: CallContext): RejectedError | undefined;
}

/** Reports an error of a source. */
export type SourceErrorListener = (error: Error) => void;

/** A source that may answer anything or throw: each method's first wrong answer is reported and every one counts as unknown. */
export class CheckedSource {
  readonly name: string;
  readonly #source: LoadSource;
  readonly #path: string;
  readonly #onError: SourceErrorListener;
  readonly #reported = new Set<string>();

  constructor(source: LoadSource, path: string, onError: SourceErrorListener) {
    const { name } = source;
    this.name = typeof name === 'string' && name !== '' ? name : path;
    this.#source = source;
    this.#path = path;
    this.#onError = onError;
  }

  /** Whether the source rejects by itself what it has no room for. */
  get boundsItself(): boolean {
    return this.#source.check !== undefined;
  }

  /** Milliseconds; undefined if unknown. */
  estimatedWaitMs(ctx: CallContext): number | undefined {
    try {
      const waitMs = this.#source.estimatedWaitMs(ctx);
      if (waitMs === undefined || (typeof waitMs === 'number' && waitMs >= 0)) return waitMs;
      this.#report('estimatedWaitMs', `a number of at least 0, or undefined, got ${describe(waitMs)}`);
    } catch (error) {
      this.#report('estimatedWaitMs', `it threw ${describe(error)}`, error);
    }
    return undefined;
  }

  check(ctx: CallContext): RejectedError | undefined {
    try {
      const rejection = this.#source.check?.(ctx);
      if (rejection === undefined || isRejected(rejection)) return rejection;
      this.#report('check', `a RejectedError, or undefined, got ${describe(rejection)}`);
    } catch (error) {
      this.#report('check', `it threw ${describe(error)}`, error);
    }
    return undefined;
  }

  #report(method: string, problem: string, cause?: unknown): void {
    if (this.#reported.has(method)) return;
    this.#reported.add(method);
    const message = `${this.#path}.${method}() must return ${problem}; the load gate ignores this and every later wrong answer`;
    this.#onError(new TypeError(message, cause === undefined ? undefined : { cause }));
  }
}

function describe(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  return typeof value === 'object' || typeof value === 'function' ? typeof value : String(value);
}
