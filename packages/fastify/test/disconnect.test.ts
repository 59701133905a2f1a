import { once } from 'node:events';
import { connect } from 'node:net';
import type { RequestContext } from '@bp/context';
import Fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure } from '../src/index.ts';
import { build, deferred } from './harness.ts';

/** On a real socket: a client that hangs up cannot be injected. */
async function listening(options: BackpressureOptions = {}): Promise<FastifyInstance> {
  const app = Fastify();
  await app.register(backpressure, options);
  onTestFinished(() => app.close());
  return app;
}

async function request(app: FastifyInstance, text: string) {
  await app.listen({ port: 0, host: '127.0.0.1' });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = connect(address.port, address.address);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

const post = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const isDone = (ctx: RequestContext): Promise<unknown> => new Promise((resolve) => ctx.onDone(resolve));

describe('a client that hangs up', () => {
  it('cancels the context of its request, also of a POST whose body has been read', async () => {
    const app = await listening();
    const started = deferred<RequestContext>();
    app.post('/', async ({ backpressure: ctx, body }) => {
      expect(body).toEqual({ id: 1 });
      started.resolve(ctx);
      await isDone(ctx);
      return 'never sent';
    });
    const socket = await request(app, post('{"id":1}'));
    const ctx = await started.promise;
    expect(ctx.done, 'while the client waits').toBe(false);
    expect(ctx.signal.aborted).toBe(false);

    socket.destroy();
    const reason = await isDone(ctx);
    expect(reason).toMatchObject({ code: 'CANCELLED', kind: 'caller-gone' });
    expect(ctx.signal.aborted).toBe(true);
    await expect.poll(() => app.backpressure.stats()).toMatchObject({ disconnected: 1, active: 0 });
  });

  it('that waits for a turn of the event loop is never started', async () => {
    const { app, clock } = await build({ load: { eventLoop: false } });
    let started = 0;
    const contexts: RequestContext[] = [];
    app.addHook('onRequest', async ({ backpressure: ctx }) => void contexts.push(ctx));
    app.get('/', () => {
      started++;
      clock.jumpTo(clock.now() + 10);
      return 'done';
    });
    await app.ready();
    for (let i = 0; i < 5; i++) void app.inject('/');
    await expect.poll(() => app.backpressure.stats().queued).toBe(4);
    for (const ctx of contexts) ctx.cancel('caller-gone');
    await clock.advance(0);
    expect(app.backpressure.stats().queued).toBe(0);
    expect(started).toBe(1);
    expect(app.backpressure.stats().rejected.deadline, 'no deadline has passed').toBe(0);
  });

  it('while a shared limit decides is not admitted', async () => {
    const called = deferred<void>();
    const answer = deferred<void>();
    const app = await listening({
      rateLimit: {
        limiter: {
          acquire() {
            called.resolve();
            return answer.promise;
          },
        },
      },
    });
    let started = false;
    app.get('/', () => {
      started = true;
      return 'done';
    });
    const socket = await request(app, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await called.promise;
    socket.destroy();
    await expect
      .poll(() => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count))))
      .toBe(0);
    answer.resolve();
    await new Promise(setImmediate);
    expect(started).toBe(false);
    expect(app.backpressure.stats()).toMatchObject({ admitted: 0, active: 0 });
  });
});

describe('a client that waits for its answer', () => {
  it('has a context that ends with the response and is cancelled by nothing', async () => {
    const app = await listening({ deadline: { defaultMs: 60_000 } });
    let cancelled = false;
    app.post('/', async (incoming) => {
      incoming.backpressure.onDone(() => {
        cancelled = true;
      });
      await new Promise(setImmediate);
      return 'done';
    });
    const socket = await request(app, post('{}'));
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(String(chunk)).toContain('200 OK');
    await expect.poll(() => app.backpressure.stats().active).toBe(0);
    socket.destroy();
    await expect
      .poll(() => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count))))
      .toBe(0);
    expect(cancelled).toBe(false);
    expect(app.backpressure.stats()).toMatchObject({ admitted: 1, disconnected: 0 });
  });
});
