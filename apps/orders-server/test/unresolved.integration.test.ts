import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { startServer } from './server-process.ts';

const order1 = { orderId: 'order-1', amount: 100 };
const bound = { timeout: 40_000, interval: 25 };

/** A gateway that does `answer` with each request, and a server that pays there. */
async function build(answer: (socket: Socket) => void) {
  const gateway = createServer((socket) => {
    socket.on('error', () => undefined).on('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  onTestFinished(() => void gateway.close());
  const { port } = gateway.address() as AddressInfo;
  return startServer({ PAYMENT_URL: `http://127.0.0.1:${port}`, PAYMENT_ATTEMPTS: '2' });
}

const BODY = '{"paymentId":"payment-1"}';
const head = (status: string, length: number) => `HTTP/1.1 ${status}\r\ncontent-length: ${length}\r\n\r\n`;

it.each([
  ['reset', (socket: Socket) => socket.resetAndDestroy()],
  ['truncated', (socket: Socket) => socket.end(head('200 OK', BODY.length) + BODY.slice(0, 10))],
  ['malformed', (socket: Socket) => socket.write(`${head('200 OK', 6)}<html>`)],
])('an order whose payments all end %s is unresolved', { timeout: 110_000 }, async (_how, answer) => {
  const server = await build(answer);
  await server.order('ann', order1);
  await expect
    .poll(() => server.get('/api/orders/order-1', 'ann'), bound)
    .toEqual({
      ...order1,
      state: 'unresolved',
      reason: 'payment answer lost',
    });
});

it('an order that is declined after a reset has failed', { timeout: 110_000 }, async () => {
  let requests = 0;
  const server = await build((socket) => {
    if (++requests === 1) socket.resetAndDestroy();
    else socket.write(head('402 Payment Required', 0));
  });
  await server.order('ann', order1);
  await expect
    .poll(() => server.get('/api/orders/order-1', 'ann'), bound)
    .toEqual({
      ...order1,
      state: 'failed',
      reason: 'payment rejected with 402',
    });
  expect(requests).toBe(2);
});
