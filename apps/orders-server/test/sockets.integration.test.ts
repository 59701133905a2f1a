import { expect, it } from 'vitest';
import { drip, startServer } from './server-process.ts';

it('closes the connection of a client that sends too slowly', { timeout: 110_000 }, async () => {
  const { url } = await startServer();
  const head = 'POST /api/orders HTTP/1.1\r\nhost: a\r\n';
  const [headers, body] = await Promise.all([
    drip(url, `${head}x-slow: `, 'x', 1_000),
    drip(url, `${head}content-type: application/json\r\ncontent-length: 10000\r\n\r\n`, 'x', 1_000),
  ]);
  expect(headers.answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(headers.seconds).toBeLessThan(9);
  expect(body.answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(body.seconds).toBeLessThan(14);
});

it('answers input that is no request with an error body and closes the connection', {
  timeout: 110_000,
}, async () => {
  const { url } = await startServer();
  const send = async (head: string) => (await drip(url, head, 'x', 1_000)).answer;
  const [method, garbage, large] = await Promise.all([
    send('BREW /api/orders HTTP/1.1\r\nhost: a\r\n\r\n'),
    send('\u0000\u0001\r\n\r\n'),
    send(`GET / HTTP/1.1\r\nhost: a\r\nx-large: ${'x'.repeat(20_000)}\r\n\r\n`),
  ]);
  const parts = (answer: string) => [answer.split('\r\n', 1)[0], answer.split('\r\n\r\n')[1]];
  expect(parts(method)).toEqual([
    'HTTP/1.1 400 Bad Request',
    '{"error":"Bad Request","message":"the request has a method that is not known"}',
  ]);
  expect(parts(garbage)[1]).toMatch(/^\{"error":"Bad Request","message":"[^"]+"\}$/);
  expect(parts(large)).toEqual([
    'HTTP/1.1 431 Request Header Fields Too Large',
    '{"error":"Request Header Fields Too Large","message":"the head of the request is too large"}',
  ]);
});
