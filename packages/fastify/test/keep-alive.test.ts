import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure } from '../src/index.ts';
import { deferred } from './harness.ts';

async function rejecting(options: BackpressureOptions = {}): Promise<FastifyInstance> {
  const app = Fastify();
  await app.register(backpressure, {
    rateLimit: { rate: 1, intervalMs: 3_600_000, burst: 1 },
    random: () => 0,
    ...options,
  });
  onTestFinished(() => app.close());
  app.get('/', () => 'answered');
  app.post('/', () => 'posted');
  await app.inject('/');
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app;
}

/** Sends `text` and returns what came back when `until` is in it, or the connection has ended. */
async function talk(app: FastifyInstance, text: string | readonly string[], until: RegExp) {
  const { port } = app.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  let received = '';
  let ended = false;
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  for (const part of [text].flat()) {
    socket.write(part);
    await new Promise(setImmediate);
  }
  await expect.poll(() => ended || until.test(received), { timeout: 5000 }).toBe(true);
  return { received, isEnded: () => ended };
}

const post = (length: number, body: string): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;
const statuses = (received: string): string[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => code ?? '');

describe('the connection of a rejected request', () => {
  it('is kept, and its unread body is not parsed as the next request', async () => {
    const app = await rejecting();
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20);
    const { received, isEnded } = await talk(
      app,
      [post(smuggled.length, smuggled.slice(0, 100)), smuggled.slice(100), post(2, '{}'), post(2, '{}')],
      /(429[\s\S]*){3}\}$/,
    );
    expect(statuses(received)).toEqual(['429', '429', '429']);
    expect(received.match(/connection: keep-alive/gi)).toHaveLength(3);
    expect(isEnded()).toBe(false);
  });

  it('is closed when the unread body exceeds the maximum', async () => {
    const app = await rejecting({ maxUnreadBodyBytes: 1000 });
    const { received } = await talk(app, post(1001, '{'), /\}$/);
    expect(statuses(received)).toEqual(['429']);
    expect(received).toMatch(/connection: close/i);
    expect(received).toMatch(/\{"error":"Rate limit exceeded","retryAfter":\d+\}$/);
    const kept = await talk(app, post(1000, `{${' '.repeat(999)}`), /\}$/);
    expect(kept.received).toMatch(/connection: keep-alive/i);
  });

  it('is closed when the length of the body is unknown', async () => {
    const app = await rejecting();
    const { received } = await talk(
      app,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n',
      /\}$/,
    );
    expect(statuses(received)).toEqual(['429']);
    expect(received).toMatch(/connection: close/i);
  });

  it('carries the response before the body has been received', async () => {
    const app = await rejecting();
    const { received } = await talk(app, post(50_000, ''), /\}$/);
    expect(statuses(received)).toEqual(['429']);
  });

  it('can be kept by fetch with an upload', async () => {
    const app = await rejecting();
    const { port } = app.server.address() as AddressInfo;
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(60_000) });
      expect([answer.status, (await answer.json()) as unknown]).toEqual([
        429,
        { error: 'Rate limit exceeded', retryAfter: 3600 },
      ]);
    }
  });
});

describe('a rejection over HTTP/2', () => {
  it('ends the stream and not the connection, whatever is left of the body', async () => {
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    const app = Fastify({ http2: true });
    await app.register(backpressure, {});
    onTestFinished(() => app.close());
    app.post('/', () => 'posted');
    await app.listen({ port: 0, host: '127.0.0.1' });
    app.backpressure.shutDown();
    const { port } = app.server.address() as AddressInfo;
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => client.destroy());
    for (let i = 0; i < 3; i++) {
      const stream = client.request({ ':method': 'POST', ':path': '/', 'content-length': '1000000' });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      expect(headers).toMatchObject({ ':status': 503 });
      stream.destroy();
    }
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    expect(client.closed || client.destroyed).toBe(false);
  });
});

describe('a server that is closing', () => {
  it('answers requests on open connections with return503OnClosing: false', async () => {
    const app = Fastify({ return503OnClosing: false });
    await app.register(backpressure, {});
    const held = deferred<string>();
    app.get('/held', () => held.promise);
    app.get('/', () => 'ok');
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.write('GET /held HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => app.backpressure.stats().active).toBe(1);
    const closing = app.close();
    await expect.poll(() => app.backpressure.shuttingDown).toBe(true);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => app.backpressure.stats().rejected.shutdown).toBe(1);
    held.resolve('done');
    await closing;
    await expect.poll(() => received).toMatch(/\{"error":"Service shutting down","retryAfter":1[0-2]\}/);
    expect(statuses(received)).toEqual(['200', '503']);
  });
});
