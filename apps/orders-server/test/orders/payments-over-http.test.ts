import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { ATTEMPT_HEADER, RequestContext, TIMEOUT_HEADER } from '@bp/context';
import { VirtualClock } from '@bp/core/testing';
import { expect, it, onTestFinished, vi } from 'vitest';
import { HttpPaymentGateway } from '../../src/orders/http-payment-gateway.ts';
import { Payments } from '../../src/orders/payments.ts';
import { RecordingStore } from './payments-harness.ts';

const key = { client: 'id:ann', orderId: 'order-1' };

/** Payments in virtual time over a network in real time. */
async function build(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const clock = new VirtualClock();
  const url = `http://127.0.0.1:${port}`;
  const gateway = new HttpPaymentGateway({ url, connections: 1, timeoutMs: 5_000, clock });
  onTestFinished(async () => {
    await gateway.close();
    server.close();
  });
  const store = new RecordingStore({ maxOrders: 10 });
  const payments = new Payments({
    store,
    gateway,
    timeoutMs: 500,
    maxAttempts: 3,
    maxActive: 1,
    limiter: new ConcurrencyLimiter({ limit: 1, maxQueue: 1, clock }),
    breaker: new CircuitBreaker({ clock }),
    clock,
    random: () => 0,
  });
  await store.add({ ...key, amountCents: 100 });
  const paying = payments.pay(key, new RequestContext({ timeoutMs: 60_000, clock }));
  return { clock, store, paying };
}

const pay = (response: ServerResponse) => void response.end('{"paymentId":"payment-1"}');

it.each([429, 503])(
  'a gateway that answers %i with Retry-After is called again no earlier, for the same payment',
  async (status) => {
    const seen: IncomingHttpHeaders[] = [];
    const { clock, store, paying } = await build((request, response) => {
      seen.push(request.headers);
      request.resume();
      if (seen.length > 1) pay(response);
      else response.writeHead(status, { 'retry-after': '3' }).end();
    });
    await vi.waitFor(() =>
      expect(store.setbacks.map(({ reason }) => reason)).toEqual(['payment gateway failed']),
    );
    await clock.advance(2_999);
    expect(clock.pendingTimers, 'it still waits').toBeGreaterThan(0);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    await paying;
    expect(await store.get(key)).toMatchObject({ state: 'paid', paymentId: 'payment-1' });
    expect(new Set(seen.map((headers) => headers['idempotency-key'])).size).toBe(1);
    expect(seen.map((headers) => headers[ATTEMPT_HEADER.toLowerCase()])).toEqual(['1', '2']);
    for (const headers of seen)
      expect(Number(headers[TIMEOUT_HEADER.toLowerCase()])).toBeLessThanOrEqual(500);
  },
);

it('a payment whose answer was truncated is resolved by the retry with its key', async () => {
  let charged = 0;
  const keys = new Set<unknown>();
  const { clock, store, paying } = await build((request, response) => {
    request.resume();
    if (!keys.has(request.headers['idempotency-key'])) charged++;
    keys.add(request.headers['idempotency-key']);
    if (response.req.headers[ATTEMPT_HEADER.toLowerCase()] !== '1') return pay(response);
    response.writeHead(200, { 'content-length': '50' }).write('{"paymentId":', () => response.destroy());
  });
  const setback = { reason: 'payment answer lost', mayBeCharged: true };
  await vi.waitFor(() => expect(store.setbacks).toEqual([setback]));
  await clock.advance(200);
  await paying;
  expect(await store.get(key)).toMatchObject({ state: 'paid', paymentId: 'payment-1' });
  expect(charged).toBe(1);
});
