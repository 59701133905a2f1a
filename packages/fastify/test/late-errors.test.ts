import { RejectedError } from '@bp/core';
import Fastify, { type FastifyBaseLogger } from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure, type SharedRateLimiter } from '../src/index.ts';
import { build, deferred } from './harness.ts';
import { Client, createServer, get, listen } from './sockets.ts';

/** A logger that cannot write rejections. */
function brokenLogger(): FastifyBaseLogger {
  const quiet = (): void => {};
  const info = (_fields: unknown, message?: string): void => {
    if (message === 'request rejected') throw new Error('disk full');
  };
  const logger = { level: 'info', info, error: quiet, debug: quiet, fatal: quiet, warn: quiet, trace: quiet };
  return { ...logger, silent: quiet, child: brokenLogger } as FastifyBaseLogger;
}

describe('an error after an asynchronous gate', () => {
  it.each([
    ['an asynchronous key', { rate: 0, key: async () => 'ada' }],
    [
      'a shared limit',
      { limiter: { acquire: async () => Promise.reject(new RejectedError('RATE_LIMITED', 'x')) } },
    ],
  ])('fails the request with 500: %s', async (_name, rateLimit) => {
    const app = Fastify({ loggerInstance: brokenLogger() });
    await app.register(backpressure, { rateLimit });
    app.get('/', () => 'ok');
    expect((await app.inject('/')).statusCode).toBe(500);
    await app.close();
  });
});

describe('a rejection that a handler throws', () => {
  it('gives the tokens back to the tier that was charged, and does not call tierOf again', async () => {
    let calls = 0;
    const { app } = await build({
      rateLimit: { rate: 1, burst: 1 },
      tiers: { gold: { rateLimit: { rate: 1, burst: 2 } } },
      tierOf: () => {
        if (calls++ > 0) throw new Error('called again');
        return 'gold';
      },
    });
    app.get('/', async () => Promise.reject(new RejectedError('QUEUE_FULL', 'orders')));
    expect((await app.inject('/')).statusCode).toBe(503);
    expect(calls).toBe(1);
  });
});

describe('a shared limit', () => {
  it('receives the priority of the request', async () => {
    let priority: number | undefined;
    const limiter: SharedRateLimiter = {
      acquire: async (ctx) => {
        priority = ctx.priority;
      },
    };
    const { app } = await build({ rateLimit: { limiter } });
    app.get('/', { config: { backpressure: { priority: 7 } } }, () => 'ok');
    await app.inject('/');
    expect(priority).toBe(7);
  });

  it('receives a signal that is aborted when the client leaves', async () => {
    const waiting = deferred<AbortSignal | undefined>();
    const left = deferred<void>();
    const limiter: SharedRateLimiter = {
      acquire: (ctx) => {
        waiting.resolve(ctx.signal);
        return new Promise((_resolve, reject) => {
          ctx.signal?.addEventListener('abort', () => {
            reject(new RejectedError('CANCELLED', 'shared'));
            left.resolve();
          });
        });
      },
    };
    const app = await createServer({ rateLimit: { limiter } });
    app.get('/', () => 'ok');
    const client = await Client.open(await listen(app));
    client.send(get());
    expect((await waiting.promise)?.aborted).toBe(false);
    client.socket.destroy();
    await left.promise;
    await expect.poll(() => app.backpressure.stats().disconnected).toBe(1);
  });
});
