import type { CallContext } from '@bp/core';
import type { CallQueue } from './call-queue.ts';
import { QueuedCall } from './queued-call.ts';

type Work<T> = (ctx: CallContext) => T | PromiseLike<T>;

/** Runs functions under a permit, which it gives back when they have settled. */
export class CallRunner {
  readonly #queue: CallQueue;

  constructor(queue: CallQueue) {
    this.#queue = queue;
  }

  /** Runs `fn` under permits that were taken at `startedAt`. */
  run<T>(fn: Work<T>, ctx: CallContext, cost: number, startedAt: number): Promise<T> {
    let result: T | PromiseLike<T>;
    try {
      result = fn(ctx);
    } catch (error) {
      this.#queue.end(cost, startedAt);
      return Promise.reject(error);
    }
    const settled = Promise.resolve(result);
    // Most calls cost 1 and are not timed: there is nothing to remember for them, so they need no closure.
    return cost === 1 && Number.isNaN(startedAt)
      ? settled.then(this.#onResult, this.#onError)
      : this.#endWith(settled, cost, startedAt);
  }

  /** Runs `fn` when its turn has come. Async, so that it runs in the async context of its caller. */
  async runQueued<T>(fn: Work<T>, ctx: CallContext, cost: number): Promise<T> {
    const queue = this.#queue;
    const call = await queue.turn(cost, ctx);
    if (!(call instanceof QueuedCall)) throw call;
    let startedAt = queue.start(call, false);
    while (startedAt === undefined) {
      await queue.nextTurn();
      startedAt = queue.start(call, false);
    }
    if (typeof startedAt !== 'number') throw startedAt;
    let result: Awaited<T>;
    try {
      result = await fn(ctx);
    } catch (error) {
      queue.end(cost, startedAt);
      throw error;
    }
    queue.end(cost, startedAt);
    return result;
  }

  readonly #onResult = <T>(value: T): T => {
    this.#queue.end(1, Number.NaN);
    return value;
  };

  readonly #onError = (error: unknown): never => {
    this.#queue.end(1, Number.NaN);
    throw error;
  };

  async #endWith<T>(settled: Promise<T>, cost: number, startedAt: number): Promise<T> {
    try {
      return await settled;
    } finally {
      this.#queue.end(cost, startedAt);
    }
  }
}
