import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CircuitBreaker } from '@bp/circuit-breaker';
import { ConcurrencyLimiter } from '@bp/concurrency';
import { ATTEMPT_HEADER, RequestContext, TIMEOUT_HEADER } from '@bp/context';
import { VirtualClock } from '@bp/core/testing';
import { expect, it, onTestFinished, vi } from 'vitest';
import { HttpPaymentGateway } from '../../src/orders/http-payment-gateway.ts';
import type { Order } from '../../src/orders/order.ts';
import { PaymentClient } from '../../src/orders/payment-client.ts';

const order: Order = {
  orderId: 'order-1',
  state: 'processing',
  item: 'book-1',
  quantity: 1,
  amount: 100,
  paymentKey: 'key-1',
};

it.each([
  { retryAfter: '3', status: 503 },
  { retryAfter: '3', status: 429 },
])(
  'a gateway that answers $status with Retry-After is asked again no earlier, for the same payment',
  async ({ status, retryAfter }) => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      request.resume();
      if (seen.length > 1) response.end('{"paymentId":"payment-1"}');
      else response.writeHead(status, { 'retry-after': retryAfter }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const gateway = new HttpPaymentGateway({
      url: `http://127.0.0.1:${port}`,
      connections: 1,
      timeoutMs: 5_000,
    });
    onTestFinished(async () => {
      await gateway.close();
      server.close();
    });
    // The client lives in virtual time, the network in real time.
    const clock = new VirtualClock();
    const client = new PaymentClient({
      gateway,
      timeoutMs: 500,
      maxAttempts: 3,
      payers: 1,
      limiter: new ConcurrencyLimiter({ limit: 1, maxQueue: 1, clock }),
      breaker: new CircuitBreaker({ clock }),
      clock,
      random: () => 0,
    });
    const postponed: string[] = [];
    const paid = client.pay(
      { claim: async () => order, postpone: async (reason) => void postponed.push(reason) },
      new RequestContext({ timeoutMs: 60_000, clock }),
    );
    await vi.waitFor(() => expect(postponed).toEqual(['payment gateway failed']));
    await clock.advance(2_999);
    expect(clock.pendingTimers, 'it still waits').toBeGreaterThan(0);
    expect(seen).toHaveLength(1);
    await clock.advance(1);
    expect(await paid).toEqual({ state: 'paid', paymentId: 'payment-1' });
    expect(seen.map((headers) => headers['idempotency-key'])).toEqual(['key-1', 'key-1']);
    expect(seen.map((headers) => headers[ATTEMPT_HEADER.toLowerCase()])).toEqual(['1', '2']);
    for (const headers of seen)
      expect(Number(headers[TIMEOUT_HEADER.toLowerCase()])).toBeLessThanOrEqual(500);
  },
);
