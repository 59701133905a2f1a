import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { BackpressureOptions } from '../src/index.ts';
import { Client, createServer, get, listen, untilDisconnected } from './sockets.ts';

/** Routes upgrade requests through Fastify as WebSocket plugins do: with a response that they attach to the socket. */
async function webSocketServer(options: BackpressureOptions): Promise<FastifyInstance> {
  const app = await createServer(options);
  app.server.on('upgrade', (request: IncomingMessage, socket: Socket) => {
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    app.routing(request, response);
  });
  return app;
}

const upgrade = get('/socket', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x');

describe('a rejected WebSocket upgrade', () => {
  it('is answered, its socket is closed, and the server can close', async () => {
    const app = await webSocketServer({ load: { sources: [{ estimatedWaitMs: () => 5000 }] } });
    app.get('/socket', () => 'never');
    const client = await Client.open(await listen(app));
    client.send(upgrade);
    await expect.poll(() => client.closed, { timeout: 5000 }).toBe(true);
    expect(client.statuses).toEqual(['503']);
    expect(client.received).toMatch(/connection: close/i);
    expect(client.received).toMatch(/\{"error":"Service overloaded","retryAfter":\d+\}$/);
    await untilDisconnected(app);
    await app.close();
  });

  it('that a handler rejects is closed too', async () => {
    const { RejectedError } = await import('@bp/core');
    const app = await webSocketServer({});
    app.get('/socket', async () => Promise.reject(new RejectedError('CONCURRENCY_LIMIT', 'sockets')));
    const client = await Client.open(await listen(app));
    client.send(upgrade);
    await expect.poll(() => client.closed, { timeout: 5000 }).toBe(true);
    expect(client.statuses).toEqual(['503']);
    await expect.poll(() => app.backpressure.stats().active).toBe(0);
    await app.close();
  });
});
