import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { ATTEMPT_HEADER, RequestContext, TIMEOUT_HEADER } from '@bp/context';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpPaymentGateway } from '../../src/orders/http-payment-gateway.ts';
import type { Order } from '../../src/orders/order.ts';
import { PaymentError, type PaymentResult } from '../../src/orders/payment-gateway.ts';

const order: Order = {
  client: 'id:ann',
  orderId: 'order-1',
  state: 'processing',
  amountCents: 1_999,
  mayBeCharged: false,
  paymentKey: 'key-1',
};

async function connectTo(server: Server, timeoutMs = 5_000): Promise<HttpPaymentGateway> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const gateway = new HttpPaymentGateway({ url: `http://127.0.0.1:${port}`, connections: 2, timeoutMs });
  onTestFinished(async () => {
    await gateway.close();
    server.close();
  });
  return gateway;
}

/** A gateway behind HTTP that answers as `listener` does. */
const build = (listener: RequestListener): Promise<HttpPaymentGateway> => connectTo(createServer(listener));

/** A gateway behind a socket that does `answer` once the request is there. */
const buildRaw = (answer: (socket: Socket) => void, timeoutMs?: number): Promise<HttpPaymentGateway> =>
  connectTo(
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket));
      onTestFinished(() => void socket.destroy());
    }),
    timeoutMs,
  );

const answering =
  (status: number, body = '', headers: Record<string, string> = {}): RequestListener =>
  (request, response) => {
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };

const charge = (gateway: HttpPaymentGateway, ctx = new RequestContext()): Promise<PaymentResult> =>
  gateway.charge(order, ctx, 1);

const errorOf = (gateway: HttpPaymentGateway): Promise<unknown> =>
  charge(gateway).then(
    (result) => expect.fail(`resolved with ${JSON.stringify(result)}`),
    (error: unknown) => error,
  );

/** Whether the caller has to assume that the order was charged. */
const mayBeCharged = (error: unknown): boolean => !(error instanceof PaymentError) || error.mayBeCharged;

describe('the request to the gateway', () => {
  it('has the id, the amount in cents and the payment key, and nothing else of the order', async () => {
    let seen: { request: IncomingMessage; body: unknown } | undefined;
    const gateway = await build(async (request, response) => {
      seen = { request, body: JSON.parse(await text(request)) };
      response.end('{"paymentId":"payment-7"}');
    });
    expect(await charge(gateway)).toEqual({ state: 'paid', paymentId: 'payment-7' });
    expect(seen?.body).toEqual({ orderId: 'order-1', amount: 1_999 });
    expect(seen?.request).toMatchObject({
      method: 'POST',
      url: '/payments',
      headers: { 'idempotency-key': 'key-1' },
    });
  });

  it('has the remaining time and the number of the attempt', async () => {
    let headers: IncomingMessage['headers'] = {};
    const gateway = await build((request, response) => {
      headers = request.headers;
      request.resume();
      response.end('{"paymentId":"payment-7"}');
    });
    await gateway.charge(order, new RequestContext({ timeoutMs: 5_000 }), 3);
    expect(headers[ATTEMPT_HEADER.toLowerCase()]).toBe('3');
    const remainingMs = Number(headers[TIMEOUT_HEADER.toLowerCase()]);
    expect(remainingMs).toBeGreaterThan(0);
    expect(remainingMs).toBeLessThan(5_000);
  });
});

describe('a complete answer', () => {
  it.each([200, 201])('of %i with a paymentId is a payment', async (status) => {
    const gateway = await build(answering(status, '{"paymentId":"payment-7"}'));
    expect(await charge(gateway)).toEqual({ state: 'paid', paymentId: 'payment-7' });
  });

  it.each([
    [402, 'declined'],
    [400, 'rejected'],
    [401, 'rejected'],
    [422, 'rejected'],
  ])('of %i says that the payment is %s', async (status, state) => {
    const gateway = await build(answering(status, '{"error":"no"}'));
    expect(await charge(gateway)).toEqual({ state, reason: `payment rejected with ${status}` });
  });

  it.each([408, 429, 500, 503])('of %i charged nothing and may be retried', async (status) => {
    const error = await errorOf(await build(answering(status, '{"error":"later"}')));
    expect(error).toMatchObject({ message: `the payment gateway answered ${status}` });
    expect(mayBeCharged(error)).toBe(false);
  });

  it.each([302, 409, 425, 502, 504])('of %i leaves open whether the order was charged', async (status) => {
    const error = await errorOf(await build(answering(status, '{"error":"?"}')));
    expect(error).toMatchObject({ message: `the payment gateway answered ${status}` });
    expect(mayBeCharged(error)).toBe(true);
  });

  it.each([
    ['in seconds', { 'retry-after': '7' }, 7_000],
    ['that is malformed', { 'retry-after': 'soon' }, undefined],
    ['that is missing', {}, undefined],
  ])('passes on a Retry-After %s', async (_what, headers, retryAfterMs) => {
    const error = await errorOf(await build(answering(503, '', headers)));
    expect((error as PaymentError).retryAfterMs).toBe(retryAfterMs);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['half a JSON text', '{"paymentId":"pay'],
    ['null', 'null'],
    ['no payment', '{"ok":true}'],
    ['a paymentId that is a number', '{"paymentId":7}'],
    ['an empty paymentId', '{"paymentId":""}'],
    ['a paymentId of 201 characters', `{"paymentId":"${'x'.repeat(201)}"}`],
    ['more bytes than are read', `{"paymentId":"${'x'.repeat(100_000)}"}`],
  ])('of 200 with %s leaves open whether the order was charged', async (_what, body) => {
    expect(mayBeCharged(await errorOf(await build(answering(200, body))))).toBe(true);
  });
});

describe('no complete answer', () => {
  it.each([
    ['is reset', (socket: Socket) => socket.resetAndDestroy()],
    ['is closed', (socket: Socket) => socket.destroy()],
    [
      'is truncated in the head',
      (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-', () => socket.destroy()),
    ],
    [
      'is truncated in the body',
      (socket: Socket) =>
        void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"paymentId":', () =>
          socket.destroy(),
        ),
    ],
    ['is no HTTP', (socket: Socket) => void socket.end('220 mail.example ESMTP\r\n\r\n')],
  ])('leaves open whether the order was charged: the connection %s', async (_how, answer) => {
    expect(mayBeCharged(await errorOf(await buildRaw(answer)))).toBe(true);
  });

  it('leaves it open when the gateway does not answer in time', async () => {
    expect(mayBeCharged(await errorOf(await buildRaw(() => undefined, 50)))).toBe(true);
  });

  it('means that nothing was charged when no connection was made', async () => {
    const unused = createTcpServer();
    await new Promise<void>((resolve) => unused.listen(0, '127.0.0.1', resolve));
    const { port } = unused.address() as AddressInfo;
    await new Promise<unknown>((resolve) => unused.close(resolve));
    const gateway = new HttpPaymentGateway({
      url: `http://127.0.0.1:${port}`,
      connections: 1,
      timeoutMs: 1_000,
    });
    onTestFinished(() => gateway.close());
    const error = await errorOf(gateway);
    expect(error).toMatchObject({ message: 'the payment gateway cannot be reached' });
    expect(mayBeCharged(error)).toBe(false);
  });
});

it('an attempt ends with the reason of its context when the context ends', async () => {
  const abort = new AbortController();
  const gateway = await build((request) => {
    request.resume();
    abort.abort(new Error('no longer wanted'));
  });
  await expect(charge(gateway, new RequestContext({ signal: abort.signal }))).rejects.toMatchObject({
    code: 'CANCELLED',
    cause: new Error('no longer wanted'),
  });
});
