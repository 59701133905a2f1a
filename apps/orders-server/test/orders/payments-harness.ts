import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { RequestContext } from '@bp/context';
import type { CallContext } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { MemoryOrderStore } from '../../src/orders/memory-order-store.ts';
import type { Order, OrderKey, OrderSetback } from '../../src/orders/order.ts';
import { PaymentError, type PaymentGateway, type PaymentResult } from '../../src/orders/payment-gateway.ts';
import { Payments, type PaymentsOptions } from '../../src/orders/payments.ts';

/** A failure that charged nothing. */
export const unavailable = (retryAfterMs?: number) =>
  new PaymentError('the gateway answers 503', { mayBeCharged: false, retryAfterMs });

/** A gateway that takes 100 ms and answers as the test says. */
export class ScriptedGateway implements PaymentGateway {
  readonly calls: { readonly at: number; readonly attempt: number; readonly paymentKey: string }[] = [];
  readonly #clock: VirtualClock;
  latencyMs = 100;
  answer: () => PaymentResult | Error = () => ({ state: 'paid', paymentId: 'payment-1' });

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  charge({ paymentKey }: Order, ctx: CallContext, attempt: number): Promise<PaymentResult> {
    this.calls.push({ at: this.#clock.now(), attempt, paymentKey });
    const answer = this.answer();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      }, this.latencyMs);
      ctx.onDone?.((reason) => {
        timer.cancel();
        reject(reason);
      });
    });
  }
  async close(): Promise<void> {}
}

/** A store that remembers each setback. */
export class RecordingStore extends MemoryOrderStore {
  readonly setbacks: OrderSetback[] = [];

  override async postpone(key: OrderKey, setback: OrderSetback): Promise<void> {
    this.setbacks.push(setback);
    await super.postpone(key, setback);
  }
}

interface Sizes {
  readonly limit?: number;
  readonly maxQueue?: number;
  readonly failuresToOpen?: number;
}

/** Payments on a virtual clock: 500 ms an attempt, 3 attempts, the longest backoff that chance allows. */
export function build({
  limit = 20,
  maxQueue = 50,
  failuresToOpen = 1_000,
  ...options
}: Partial<PaymentsOptions> & Sizes = {}) {
  const clock = new VirtualClock();
  const store = new RecordingStore({ maxOrders: 100 });
  const gateway = new ScriptedGateway(clock);
  const limiter = new ConcurrencyLimiter({ limit, maxQueue, clock });
  const breaker = new CircuitBreaker({
    consecutiveFailures: failuresToOpen,
    openMs: 60_000,
    halfOpenProbes: 1,
    halfOpenMaxMs: 500,
    clock,
  });
  const payments = new Payments({
    store,
    gateway,
    timeoutMs: 500,
    maxAttempts: 3,
    maxActive: 2,
    limiter,
    breaker,
    clock,
    random: () => 1,
    ...options,
  });
  let orders = 0;
  /** Adds an order and pays it; resolves to the order in the store and the time. */
  const pay = async (ctx: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}) => {
    const key = { client: 'id:ann', orderId: `order-${++orders}` };
    await store.add({ ...key, amountCents: 10_000 });
    await payments.pay(key, new RequestContext({ timeoutMs: 120_000, clock, ...ctx }));
    return { order: await store.get(key), at: clock.now() };
  };
  return { clock, store, gateway, limiter, breaker, payments, pay };
}
