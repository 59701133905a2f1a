import { isRejected } from '@bp/core';
import type { Order, OrderOutcome, OrderSetback } from './order.ts';
import { PaymentError, type PaymentResult } from './payment-gateway.ts';

/** The attempts to pay one order: how many failed, and whether one of them may have charged it. */
export class Attempts {
  #failures = 0;
  #mayBeCharged: boolean;
  #reason: string;

  constructor(order: Order) {
    this.#mayBeCharged = order.mayBeCharged;
    this.#reason = order.reason ?? 'payment not attempted';
  }

  /** Attempts that reached the gateway, or may have, and failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Recorded before the next attempt. */
  get setback(): OrderSetback {
    return { reason: this.#reason, mayBeCharged: this.#mayBeCharged };
  }

  /** The outcome when no other attempt follows. */
  get outcome(): OrderOutcome {
    return { state: this.#mayBeCharged ? 'unresolved' : 'failed', reason: this.#reason };
  }

  /** The outcome after the gateway's answer. */
  outcomeOf(result: PaymentResult): OrderOutcome {
    if (result.state === 'paid') return result;
    if (result.state === 'declined' || !this.#mayBeCharged) return { state: 'failed', reason: result.reason };
    return this.outcome;
  }

  /** Counts an attempt that ended with an error. */
  failed(error: unknown): void {
    if (wasNotSent(error)) {
      this.#explain('payment gateway not available');
      return;
    }
    this.#failures++;
    if (error instanceof PaymentError && !error.mayBeCharged) {
      this.#explain('payment gateway failed');
      return;
    }
    this.#mayBeCharged = true;
    if (isRejected(error, 'DEADLINE_EXCEEDED')) this.#reason = 'payment timed out';
    else if (isRejected(error)) this.#reason = 'payment interrupted';
    else this.#reason = 'payment answer lost';
  }

  /** The reason of an attempt that may have charged the order outlasts the reasons of later attempts. */
  #explain(reason: string): void {
    if (!this.#mayBeCharged) this.#reason = reason;
  }
}

/** Whether the limiter or the breaker rejected the attempt, so that the gateway was not called. */
export function wasNotSent(error: unknown): boolean {
  return isRejected(error) && !error.workBegan;
}
