import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { RequestContext } from '@bp/context';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import type { Order, OrderOutcome } from '../../src/orders/order.ts';
import type { PayableOrder } from '../../src/orders/payment.ts';
import { PaymentClient, type PaymentClientOptions } from '../../src/orders/payment-client.ts';
import type { PaymentGateway } from '../../src/orders/payment-gateway.ts';

const order: Order = {
  orderId: 'order-1',
  state: 'processing',
  item: 'book-1',
  quantity: 1,
  amount: 100,
  paymentKey: 'key-1',
};

/** An order that remembers what was done with it. */
class RecordedOrder implements PayableOrder {
  readonly postponed: string[] = [];
  processing = false;
  gone = false;

  async claim(): Promise<Order | undefined> {
    expect(this.processing, 'claimed twice').toBe(false);
    if (this.gone) return undefined;
    this.processing = true;
    return order;
  }
  async postpone(reason: string): Promise<void> {
    expect(this.processing, 'postponed twice').toBe(true);
    this.processing = false;
    this.postponed.push(reason);
  }
}

class GatewayError extends Error {
  readonly retryAfterMs: number | undefined;
  constructor(retryAfterMs?: number) {
    super('the gateway fails');
    this.retryAfterMs = retryAfterMs;
  }
}

/** A gateway that takes 100 ms, and fails as long as the test says. */
class ScriptedGateway implements PaymentGateway {
  readonly calls: { readonly at: number; readonly attempt: number; readonly paymentKey: string }[] = [];
  readonly #clock: VirtualClock;
  latencyMs = 100;
  failure: () => Error | undefined = () => undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  charge({ paymentKey }: Order, ctx: RequestContext, attempt: number): Promise<OrderOutcome> {
    this.calls.push({ at: this.#clock.now(), attempt, paymentKey });
    const failure = this.failure();
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        if (failure === undefined) resolve({ state: 'paid', paymentId: 'payment-1' });
        else reject(failure);
      }, this.latencyMs);
      ctx.onDone((reason) => {
        timer.cancel();
        reject(reason);
      });
    });
  }
  async close(): Promise<void> {}
}

function build({
  limit = 20,
  maxQueue = 50,
  failuresToOpen = 1_000,
  ...options
}: Partial<PaymentClientOptions> & Sizes = {}) {
  const clock = new VirtualClock();
  const gateway = new ScriptedGateway(clock);
  const limiter = new ConcurrencyLimiter({ limit, maxQueue, clock });
  const breaker = new CircuitBreaker({
    consecutiveFailures: failuresToOpen,
    openMs: 60_000,
    halfOpenProbes: 1,
    halfOpenMaxMs: 500,
    clock,
  });
  const client = new PaymentClient({
    gateway,
    timeoutMs: 500,
    maxAttempts: 3,
    payers: 2,
    limiter,
    breaker,
    clock,
    random: () => 1,
    ...options,
  });
  const pay = (ctx: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {}) => {
    const recorded = new RecordedOrder();
    const paid = client
      .pay(recorded, new RequestContext({ timeoutMs: 120_000, clock, ...ctx }))
      .then((outcome) => ({ outcome, at: clock.now() }));
    return { recorded, paid };
  };
  return { clock, gateway, limiter, breaker, client, pay };
}

interface Sizes {
  readonly limit?: number;
  readonly maxQueue?: number;
  readonly failuresToOpen?: number;
}

const failed = (reason: string): OrderOutcome => ({ state: 'failed', reason });
const paidOnce: OrderOutcome = { state: 'paid', paymentId: 'payment-1' };

describe('PaymentClient', () => {
  it('passes on what the gateway decides', async () => {
    const { clock, gateway, pay } = build();
    const { paid, recorded } = pay();
    await clock.advance(100);
    expect(await paid).toEqual({ outcome: paidOnce, at: 100 });
    expect(recorded.postponed).toEqual([]);
    expect(gateway.calls).toHaveLength(1);
  });

  it('tries again after a failure, later each time, numbered and with the same key', async () => {
    const { clock, gateway, pay } = build();
    gateway.failure = () => (gateway.calls.length < 3 ? new GatewayError() : undefined);
    const { paid, recorded } = pay();
    await clock.advance(10_000);
    expect(gateway.calls).toEqual([
      { at: 0, attempt: 1, paymentKey: 'key-1' },
      { at: 300, attempt: 2, paymentKey: 'key-1' },
      { at: 800, attempt: 3, paymentKey: 'key-1' },
    ]);
    expect((await paid).outcome).toEqual(paidOnce);
    expect(recorded.postponed).toEqual(['payment gateway failed', 'payment gateway failed']);
  });

  it('fails an order after the last attempt, and says why', async () => {
    const { clock, gateway, breaker, pay } = build();
    gateway.latencyMs = 60_000;
    const { paid, recorded } = pay();
    await clock.advance(10_000);
    expect(gateway.calls).toHaveLength(3);
    expect((await paid).outcome).toEqual(failed('payment timed out'));
    expect(recorded.postponed).toHaveLength(2);
    expect(recorded.processing).toBe(true);
    expect(breaker.stats().failures).toBe(3);
  });

  it('comes back no earlier than the gateway has said', async () => {
    const { clock, gateway, pay } = build({ random: () => 0 });
    gateway.failure = () => (gateway.calls.length < 2 ? new GatewayError(3_000) : undefined);
    const { paid } = pay();
    await clock.advance(3_200);
    expect(gateway.calls.map(({ at }) => at)).toEqual([0, 3_100]);
    expect((await paid).outcome).toEqual(paidOnce);
  });

  it('waits out an open breaker instead of asking it again, and counts no attempt', async () => {
    const { clock, gateway, client, pay } = build({ failuresToOpen: 1, maxAttempts: 2, random: () => 0 });
    gateway.failure = () => (gateway.calls.length < 2 ? new GatewayError() : undefined);
    const { paid, recorded } = pay();
    await clock.advance(100);
    expect(client.retryAfterMs()).toBe(60_000);
    await clock.advance(60_100);
    expect(gateway.calls.map(({ at }) => at)).toEqual([0, 60_100]);
    expect((await paid).outcome).toEqual(paidOnce);
    expect(recorded.postponed).toEqual(['payment gateway failed', 'payment gateway not available']);
    expect(client.retryAfterMs()).toBe(0);
  });

  it('gives up at once what could only be tried after its time', async () => {
    const { clock, gateway, pay } = build();
    gateway.failure = () => new GatewayError(60_000);
    const { paid } = pay({ timeoutMs: 30_000 });
    await clock.advance(100);
    expect(await paid).toEqual({ outcome: failed('payment gateway failed'), at: 100 });
  });

  it('fails an order whose time was up before a late timer could tell', async () => {
    const { clock, gateway, pay } = build();
    gateway.failure = () => new GatewayError();
    const { paid, recorded } = pay({ timeoutMs: 350 });
    await clock.advance(100);
    clock.jumpTo(400);
    await clock.advance(0);
    expect((await paid).outcome).toEqual(failed('payment gateway failed'));
    expect(recorded.processing, 'can be completed').toBe(true);
    expect(gateway.calls).toHaveLength(1);
  });

  it('makes no more payments at once than it may, and does not hold the others against the gateway', async () => {
    const { clock, limiter, breaker, pay } = build({ limit: 1, maxQueue: 1, random: () => 0.5 });
    const payments = [pay(), pay(), pay()];
    await clock.advance(0);
    expect(limiter.stats()).toMatchObject({ active: 1, queued: 1 });
    await clock.advance(2_000);
    for (const { paid } of payments) expect((await paid).outcome).toEqual(paidOnce);
    expect(breaker.stats()).toMatchObject({ admitted: 3, succeeded: 3, failed: 0 });
  });

  it('leaves an order unfinished when it is told to give up, while it waits and while it tries', async () => {
    for (const afterMs of [50, 250]) {
      const { clock, gateway, limiter, pay } = build();
      gateway.failure = () => new GatewayError();
      const abort = new AbortController();
      const { paid, recorded } = pay({ signal: abort.signal });
      await clock.advance(afterMs);
      abort.abort();
      await clock.advance(0);
      expect((await paid).outcome).toBeUndefined();
      expect(recorded.processing).toBe(false);
      expect(recorded.postponed).toHaveLength(1);
      expect(gateway.calls).toHaveLength(1);
      expect(limiter.stats().active).toBe(0);
    }
  });

  it('does nothing for an order that is not to be paid any more', async () => {
    const { clock, gateway, client } = build();
    const recorded = new RecordedOrder();
    recorded.gone = true;
    expect(await client.pay(recorded, new RequestContext({ clock }))).toBeUndefined();
    expect(gateway.calls).toEqual([]);
  });

  it('does not take a store that fails for a gateway that does', async () => {
    const { clock, gateway, client } = build();
    gateway.failure = () => new GatewayError();
    const broken = new RecordedOrder();
    broken.claim = () => Promise.reject(new Error('disk full'));
    await expect(client.pay(broken, new RequestContext({ clock }))).rejects.toThrow('disk full');

    const forgetful = new RecordedOrder();
    forgetful.postpone = () => Promise.reject(new Error('disk full'));
    const paid = expect(client.pay(forgetful, new RequestContext({ clock }))).rejects.toThrow('disk full');
    await clock.advance(1_000);
    await paid;
    expect(gateway.calls).toHaveLength(1);
  });

  it('gives a gateway in trouble at most as many retries as orders, and what the payers have in reserve', async () => {
    const { clock, gateway, pay } = build({ maxAttempts: 20, payers: 1 });
    gateway.failure = () => new GatewayError();
    const ORDERS = 50;
    const payments = Array.from({ length: ORDERS }, () => pay());
    await clock.advance(120_000);
    for (const { paid } of payments) expect((await paid).outcome).toEqual(failed('payment gateway failed'));
    const windows = 120_000 / 10_000 + 1;
    expect(gateway.calls.length).toBeLessThanOrEqual(2 * ORDERS + windows * 20);
  });

  it('pays nothing for tries that the breaker has rejected: all orders outlast an outage', async () => {
    const { clock, gateway, pay } = build({
      failuresToOpen: 1,
      payers: 1,
      maxAttempts: 2,
      random: () => 0.5,
    });
    gateway.failure = () => (clock.now() < 100 ? new GatewayError() : undefined);
    const payments = Array.from({ length: 20 }, () => pay());
    await clock.advance(110_000);
    for (const { paid } of payments) expect((await paid).outcome).toEqual(paidOnce);
  });
});
