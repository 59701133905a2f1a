import type { CallContext } from '@bp/core';
import type { Line } from './line.ts';
import type { Permits } from './permits.ts';
import type { Rejections } from './rejections.ts';

type Work<T> = (ctx: never) => T | PromiseLike<T>;

/** Runs functions under a permit, which goes back when they have settled. */
export class Calls {
  readonly #permits: Permits;
  readonly #line: Line;
  readonly #rejections: Rejections;

  constructor(permits: Permits, line: Line, rejections: Rejections) {
    this.#permits = permits;
    this.#line = line;
    this.#rejections = rejections;
  }

  /** Runs `fn` under a permit that was begun at `startedAt`. */
  run<T>(fn: Work<T>, ctx: CallContext, cost: number, startedAt: number): Promise<T> {
    let result: T | PromiseLike<T>;
    try {
      result = fn(ctx);
    } catch (error) {
      this.#line.end(cost, startedAt);
      return Promise.reject(error);
    }
    const settled = Promise.resolve(result) as Promise<T>;
    // Most calls are neither heavy nor timed: for them there is nothing to remember, and so no closure to make.
    return cost === 1 && Number.isNaN(startedAt)
      ? settled.then(this.#onResult, this.#onError)
      : this.#endWith(settled, cost, startedAt);
  }

  /** Runs `fn` when it is its turn. Async, so that it runs in the async context of its caller, whoever gives it the permit. */
  async runInTurn<T>(fn: Work<T>, ctx: CallContext, cost: number): Promise<T> {
    const line = this.#line;
    const start = await line.turn(cost, ctx);
    if (typeof start !== 'number') throw start;
    // It may have been cancelled since it was given the permit.
    const over = this.#rejections.ifOver(ctx);
    if (over !== undefined) {
      line.end(cost, Number.NaN);
      throw over;
    }
    this.#permits.admitted++;
    let result: T;
    try {
      result = await fn(ctx);
    } catch (error) {
      line.end(cost, start);
      throw error;
    }
    line.end(cost, start);
    return result;
  }

  readonly #onResult = <T>(value: T): T => {
    this.#line.end(1, Number.NaN);
    return value;
  };

  readonly #onError = (error: unknown): never => {
    this.#line.end(1, Number.NaN);
    throw error;
  };

  async #endWith<T>(settled: Promise<T>, cost: number, startedAt: number): Promise<T> {
    try {
      return await settled;
    } finally {
      this.#line.end(cost, startedAt);
    }
  }
}
