import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { startServer } from './server-process.ts';

/** Sends `head`, then one byte a second, and resolves with what it was told, and after how long, when hung up on. */
async function sendSlowly(url: string, head: string): Promise<{ answer: string; seconds: number }> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.on('error', () => undefined);
  socket.write(head);
  const sent = performance.now();
  const more = setInterval(() => socket.write('x'), 1_000);
  try {
    await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
  } finally {
    clearInterval(more);
    socket.destroy();
  }
  return { answer, seconds: (performance.now() - sent) / 1_000 };
}

it('hangs up on who sends slower than it takes to be served', { timeout: 40_000 }, async () => {
  const { url } = await startServer();
  const head = 'POST /api/orders HTTP/1.1\r\nhost: a\r\n';
  const [headers, body] = await Promise.all([
    sendSlowly(url, `${head}x-slow: `),
    sendSlowly(url, `${head}content-type: application/json\r\ncontent-length: 10000\r\n\r\n`),
  ]);
  expect(headers.answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(headers.seconds).toBeLessThan(9);
  expect(body.answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(body.seconds).toBeLessThan(14);
});
