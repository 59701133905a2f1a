import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { VirtualClock } from '@bp/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRetryingFetch, type RetryingFetchOptions } from '../src/index.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

/** Lets real I/O happen until a condition holds; no time passes on the virtual clock. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe('over the loopback, with the real fetch', () => {
  let server: Server;
  let url: string;
  let handler: Handler;
  let requests: IncomingMessage[];
  let open: number;

  beforeEach(async () => {
    requests = [];
    open = 0;
    server = createServer((request, response) => {
      requests.push(request);
      open++;
      response.on('close', () => open--);
      handler(request, response, requests.length);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });

  const setup = (options: RetryingFetchOptions = {}) => {
    const clock = new VirtualClock();
    return { clock, fetch: createRetryingFetch({ backoffMs: 100, random: () => 1, clock, ...options }) };
  };

  it('returns when the server asks for it, with the same body and the remaining time', async () => {
    const bodies: string[] = [];
    handler = (request, response, count) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        bodies.push(body);
        if (count === 1) response.writeHead(503, { 'retry-after': '1' }).end('overloaded');
        else response.end(`paid at try ${request.headers['x-request-attempt']}`);
      });
    };
    const { clock, fetch } = setup();
    const headers = { 'Idempotency-Key': 'order-1' };
    const answer = fetch(url, { method: 'POST', headers, body: 'order 1' }, { deadline: 5000 });
    await until(() => fetch.stats().paused === 1);
    await clock.advance(1099);
    expect(requests).toHaveLength(1);
    await clock.advance(1);
    const response = await answer;
    expect(await response.text()).toBe('paid at try 2');
    expect(bodies).toEqual(['order 1', 'order 1']);
    expect(requests.map((request) => request.headers['x-request-timeout-ms'])).toEqual(['4990', '3890']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('frees the connections of failed attempts, however long their responses are', async () => {
    handler = (_, response) => {
      response.writeHead(503);
      // A response that never ends: only cancelling it frees the connection.
      response.write('x'.repeat(1000));
    };
    const { clock, fetch } = setup({ maxAttempts: 2 });
    const answers = Array.from({ length: 5 }, () => fetch(url));
    await until(() => fetch.stats().paused === 5);
    await until(() => open === 0);
    await clock.advance(100);
    const responses = await Promise.all(answers);
    expect(responses.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    await Promise.all(responses.map(({ body }) => body?.cancel()));
    await until(() => open === 0);
    expect(fetch.stats()).toMatchObject({ attempts: 10, active: 0 });
  });

  it('retries after a broken connection', async () => {
    handler = (request, response, count) => {
      if (count < 3) request.socket.destroy();
      else response.end('there');
    };
    const { clock, fetch } = setup();
    const answer = fetch(url);
    for (const wait of [100, 200]) {
      await until(() => fetch.stats().paused === 1);
      await clock.advance(wait);
    }
    expect(await (await answer).text()).toBe('there');
  });

  it('closes the connection to a server that misses the deadline', async () => {
    handler = () => {};
    const { clock, fetch } = setup();
    const answer = fetch(url, {}, { deadline: 300 }).catch((error) => error);
    await until(() => requests.length === 1);
    await clock.advance(300);
    expect(await answer).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await until(() => open === 0);
    expect(fetch.stats().attempts).toBe(1);
  });

  it('lets the caller stop reading a response', async () => {
    handler = (_, response) => void response.write('the beginning');
    const { fetch } = setup({ attemptTimeoutMs: 1000 });
    const controller = new AbortController();
    const response = await fetch(url, { signal: controller.signal });
    const text = response.text().catch((error) => error);
    controller.abort('enough');
    expect(await text).toBe('enough');
    await until(() => open === 0);
  });

  it('leaves nothing on a signal that outlives the responses', async () => {
    const { gc } = globalThis as { gc?: () => void };
    if (gc === undefined) throw new Error('needs --expose-gc');
    handler = (_, response) => void response.end('short');
    const { fetch } = setup({ attemptTimeoutMs: 1000 });
    const { signal } = new AbortController();
    const call = async (): Promise<void> => {
      await (await fetch(url, { signal })).text();
    };
    for (let i = 0; i < 30; i++) await call();
    const left = (): number => getEventListeners(signal, 'abort').length;
    for (let i = 0; i < 20 && left() > 3; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(left()).toBeLessThanOrEqual(3);
  });
});
