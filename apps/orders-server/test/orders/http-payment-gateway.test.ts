import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ATTEMPT_HEADER, RequestContext, TIMEOUT_HEADER } from '@bp/context';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpPaymentGateway } from '../../src/orders/http-payment-gateway.ts';
import type { Order } from '../../src/orders/order.ts';

const order: Order = {
  orderId: 'order-1',
  state: 'processing',
  item: 'book-1',
  quantity: 1,
  amount: 100,
  paymentKey: 'key-1',
};

/** A gateway that answers as `listener` does, and the client of it. */
async function build(listener: RequestListener, timeoutMs = 5_000): Promise<HttpPaymentGateway> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = new HttpPaymentGateway({ url: `http://127.0.0.1:${port}`, connections: 2, timeoutMs });
  onTestFinished(async () => {
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
  return gateway;
}

const answering =
  (status: number, body = ''): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };

describe('HttpPaymentGateway', () => {
  it('sends the number, the amount and the payment key, and nothing else of the order', async () => {
    let seen: { request: IncomingMessage; body: unknown } | undefined;
    const gateway = await build(async (request, response) => {
      seen = { request, body: JSON.parse(await text(request)) };
      response.end('{"paymentId":"payment-7"}');
    });
    expect(await gateway.charge(order, new RequestContext(), 1)).toEqual({
      state: 'paid',
      paymentId: 'payment-7',
    });
    expect(seen?.body).toEqual({ orderId: 'order-1', amount: 100 });
    expect(seen?.request).toMatchObject({
      method: 'POST',
      url: '/payments',
      headers: { 'idempotency-key': 'key-1' },
    });
  });

  it('sends the time that is left and the number of the try', async () => {
    let headers: IncomingMessage['headers'] = {};
    const gateway = await build((request, response) => {
      headers = request.headers;
      request.resume();
      response.end('{"paymentId":"payment-7"}');
    });
    await gateway.charge(order, new RequestContext({ timeoutMs: 5_000 }), 3);
    expect(headers[ATTEMPT_HEADER.toLowerCase()]).toBe('3');
    const leftMs = Number(headers[TIMEOUT_HEADER.toLowerCase()]);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThan(5_000);
  });

  it.each([
    ['in seconds', '7', 7_000],
    ['that is nonsense', 'soon', undefined],
    ['that is missing', undefined, undefined],
  ])('passes on a Retry-After %s', async (_what, retryAfter, retryAfterMs) => {
    const gateway = await build((request, response) => {
      request.resume();
      response.writeHead(503, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end();
    });
    const error = await gateway.charge(order, new RequestContext(), 1).catch((error: unknown) => error);
    expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(retryAfterMs);
  });

  it.each([400, 402, 422])('takes %i for the last word', async (status) => {
    const gateway = await build(answering(status, '{"error":"no"}'));
    expect(await gateway.charge(order, new RequestContext(), 1)).toEqual({
      state: 'failed',
      reason: `payment rejected with ${status}`,
    });
  });

  it.each([408, 429, 500, 503])('takes %i for a failure, to be tried again', async (status) => {
    const gateway = await build(answering(status, '{"error":"later"}'));
    await expect(gateway.charge(order, new RequestContext(), 1)).rejects.toThrow(
      `the payment gateway answered ${status}`,
    );
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['null', 'null'],
    ['no payment', '{"ok":true}'],
    ['another kind of payment', '{"paymentId":7}'],
    ['more than anybody reads', `{"paymentId":"${'x'.repeat(100_000)}"}`],
  ])('takes an answer of %s for a failure', async (_what, body) => {
    const gateway = await build(answering(200, body));
    await expect(gateway.charge(order, new RequestContext(), 1)).rejects.toThrow();
  });

  it('gives up when its caller does, for the reason the caller has', async () => {
    const abort = new AbortController();
    const gateway = await build((request) => {
      request.resume();
      abort.abort(new Error('no longer wanted'));
    });
    await expect(
      gateway.charge(order, new RequestContext({ signal: abort.signal }), 1),
    ).rejects.toMatchObject({ code: 'CANCELLED', cause: new Error('no longer wanted') });
  });

  it('fails if nobody listens', async () => {
    const gateway = new HttpPaymentGateway({ url: 'http://127.0.0.1:1', connections: 1, timeoutMs: 1_000 });
    onTestFinished(() => gateway.close());
    await expect(gateway.charge(order, new RequestContext(), 1)).rejects.toThrow(/ECONNREFUSED|bad port/);
  });
});
