import { isRejected } from '@bp/core';
import type { RetryBudget, RetryDecision, RetryEvent, Settled } from '@bp/retry';
import type { Order, OrderOutcome } from './order.ts';

/** An order that is to be paid, as whoever keeps it lets it be worked on. */
export interface PayableOrder {
  /** Takes it for one try; undefined if it is not to be paid any more. */
  claim(): Promise<Order | undefined>;
  /** Lets go of it after a try that decided nothing, because of `reason`. */
  postpone(reason: string): Promise<void>;
}

/** What becomes of one order over all the tries to pay it. */
export class Payment {
  readonly #order: PayableOrder;
  readonly #maxFailures: number;
  readonly #budget: RetryBudget;
  #failures = 0;
  #claimed = false;
  #storeFailed = false;
  #postponed: Promise<void> = Promise.resolve();

  /** @param maxFailures - failed tries after which there is no other; a rejection to call the gateway at all is none. */
  constructor(order: PayableOrder, maxFailures: number, budget: RetryBudget) {
    this.#order = order;
    this.#maxFailures = maxFailures;
    this.#budget = budget;
  }

  /** The order, for one try; undefined if it is not to be paid any more. */
  async claim(): Promise<Order | undefined> {
    try {
      await this.#postponed;
      const order = await this.#order.claim();
      this.#claimed = order !== undefined;
      return order;
    } catch (error) {
      this.#storeFailed = true;
      throw error;
    }
  }

  /** What follows from a try. */
  readonly classify = (settled: Settled): RetryDecision | undefined => {
    if (this.#storeFailed) return 'final';
    if (!('error' in settled)) return undefined;
    if (isFailure(settled.error)) {
      this.#failures++;
      return this.#failures >= this.#maxFailures ? 'final' : undefined;
    }
    // It never reached the gateway, so it adds nothing to its load.
    this.#budget.refund();
    return undefined;
  };

  readonly onRetry = ({ error }: RetryEvent): void => {
    this.#claimed = false;
    this.#postponed = this.#order.postpone(reasonOf(error));
    // Whoever claims the order next is told.
    this.#postponed.catch(() => undefined);
  };

  /** How it ended with no try left; undefined if it was given up, and is as unfinished as before. */
  async end(error: unknown, givenUp: boolean): Promise<OrderOutcome | undefined> {
    if (this.#storeFailed) throw error;
    await this.#postponed;
    if (givenUp) {
      if (this.#claimed) await this.#order.postpone(reasonOf(error));
      return undefined;
    }
    // Its time was up while it waited for the next try.
    if (!this.#claimed && (await this.#order.claim()) === undefined) return undefined;
    return { state: 'failed', reason: reasonOf(error) };
  }
}

const timedOut = (error: unknown): boolean => isRejected(error, 'DEADLINE_EXCEEDED') && error.workBegan;

const isFailure = (error: unknown): boolean => !isRejected(error) || timedOut(error);

function reasonOf(error: unknown): string {
  if (timedOut(error)) return 'payment timed out';
  return isRejected(error) ? 'payment gateway not available' : 'payment gateway failed';
}
