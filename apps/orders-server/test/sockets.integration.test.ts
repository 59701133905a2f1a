import { expect, it } from 'vitest';
import { drip, startServer } from './server-process.ts';

it('hangs up on who sends slower than it takes to be served', { timeout: 40_000 }, async () => {
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
