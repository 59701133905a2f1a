import type { CallContext } from '@bp/core';
import type { Order } from './order.ts';

/**
 * The gateway's answer to an attempt.
 *
 * - `paid`: the order is charged.
 * - `declined`: the gateway has decided not to charge this order, which also settles earlier attempts.
 * - `rejected`: the gateway did not process this attempt and would not process another; earlier attempts may have charged.
 */
export type PaymentResult =
  | { readonly state: 'paid'; readonly paymentId: string }
  | { readonly state: 'declined' | 'rejected'; readonly reason: string };

/** An attempt that decided nothing. */
export class PaymentError extends Error {
  override readonly name = 'PaymentError';
  /** Whether the gateway may have charged the order. */
  readonly mayBeCharged: boolean;
  /** Milliseconds after which the gateway wants to be called again, if it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      readonly mayBeCharged: boolean;
      readonly retryAfterMs?: number | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.mayBeCharged = options.mayBeCharged;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Charges orders. */
export interface PaymentGateway {
  /**
   * Charges an order, once per `paymentKey` however often it is called. Rejects if the attempt decided nothing; every error but
   * a {@link PaymentError} without `mayBeCharged` means that the order may have been charged.
   *
   * @param attempt - number of this attempt to pay the order, from 1.
   */
  charge(order: Order, ctx: CallContext, attempt: number): Promise<PaymentResult>;
  /** Aborts the attempts in flight and closes connections. */
  close(): Promise<void>;
}
