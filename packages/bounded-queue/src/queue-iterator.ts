import type { CallContext } from '@bp/core';

/** What a {@link QueueIterator} needs of a queue. */
export interface Takeable<T> {
  tryTake(): T | undefined;
  take(ctx: CallContext): Promise<T>;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * Takes items until the queue is closed and empty. `return()` also ends a `next()` that waits, which then takes nothing: an
 * async generator would keep waiting, and lose the next item.
 */
export class QueueIterator<T> implements AsyncIterableIterator<T, undefined, void> {
  readonly #queue: Takeable<T>;
  readonly #isClosing: () => boolean;
  readonly #ended = new AbortController();

  /** @param isClosing - returns whether the queue is closing or closed. */
  constructor(queue: Takeable<T>, isClosing: () => boolean) {
    this.#queue = queue;
    this.#isClosing = isClosing;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const { signal } = this.#ended;
    if (signal.aborted) return DONE;
    const item = this.#queue.tryTake();
    if (item !== undefined) return { done: false, value: item };
    if (this.#isClosing()) return DONE;
    try {
      return { done: false, value: await this.#queue.take({ signal }) };
    } catch (error) {
      if (signal.aborted || this.#isClosing()) return DONE;
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#ended.abort();
    return DONE;
  }
}
