import { type AdmissionOptions, type Clock, RejectedError, watchAdmission } from '@bp/core';

/** Callers that can wait until there is room, first come first served. They hold no place: only the news comes in order. */
export class ReadyList {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #max: number;
  // A Set keeps insertion order and lets anyone leave in O(1).
  readonly #waiting = new Set<{ resolve(): void; reject(refusal: RejectedError): void }>();

  constructor(clock: Clock, name: string, max: number) {
    this.#clock = clock;
    this.#name = name;
    this.#max = max;
  }

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  wait(ctx: AdmissionOptions): Promise<void> {
    if (this.#waiting.size >= this.#max) return Promise.reject(new RejectedError('QUEUE_FULL', this.#name));
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: () => {
          stop?.();
          resolve();
        },
        reject: (refusal: RejectedError) => {
          stop?.();
          reject(refusal);
        },
      };
      this.#waiting.add(waiter);
      const stop = watchAdmission(ctx, this.#clock, this.#name, (refusal) => {
        this.#waiting.delete(waiter);
        reject(refusal);
      });
    });
  }

  /** Tells whoever has waited longest that there is room. */
  wakeFirst(): void {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter);
      waiter.resolve();
      return;
    }
  }

  /** Refuses everybody. */
  close(): void {
    for (const waiter of this.#waiting) waiter.reject(new RejectedError('SHUTTING_DOWN', this.#name));
    this.#waiting.clear();
  }
}
