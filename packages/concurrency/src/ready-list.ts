import { type CallContext, type Clock, RejectedError } from '@bp/core';
import { watchContext } from '@bp/core/kit';

interface Waiting {
  readonly ctx: CallContext;
  readonly resolve: () => void;
  readonly reject: (rejection: RejectedError) => void;
}

/** Callers that wait for a state, such as room or idleness, first come first served. They hold nothing while they wait. */
export class ReadyList {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #max: number;
  readonly #onGaveUp: () => void;
  // A Set keeps insertion order and lets anyone leave in O(1).
  readonly #waiting = new Set<Waiting>();

  /** @param onGaveUp - called when somebody has left without having been told. */
  constructor(clock: Clock, name: string, max: number, onGaveUp: () => void) {
    this.#clock = clock;
    this.#name = name;
    this.#max = max;
    this.#onGaveUp = onGaveUp;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** What whoever has waited longest said about the call it wants to make. */
  get firstCtx(): CallContext | undefined {
    for (const { ctx } of this.#waiting) return ctx;
    return undefined;
  }

  wait(ctx: CallContext): Promise<void> {
    if (this.#waiting.size >= this.#max) return Promise.reject(new RejectedError('QUEUE_FULL', this.#name));
    return new Promise((resolve, reject) => {
      let stop: (() => void) | undefined;
      const waiting: Waiting = {
        ctx,
        resolve: () => {
          stop?.();
          resolve();
        },
        reject: (rejection) => {
          stop?.();
          reject(rejection);
        },
      };
      this.#waiting.add(waiting);
      stop = watchContext(ctx, this.#clock, this.#name, (rejection) => {
        this.#waiting.delete(waiting);
        reject(rejection);
        this.#onGaveUp();
      });
    });
  }

  /** Tells whoever has waited longest. */
  wakeFirst(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      waiting.resolve();
      return;
    }
  }

  wakeAll(): void {
    while (this.#waiting.size > 0) this.wakeFirst();
  }

  /** Rejects everybody. */
  close(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      waiting.reject(new RejectedError('SHUTTING_DOWN', this.#name));
    }
  }
}
