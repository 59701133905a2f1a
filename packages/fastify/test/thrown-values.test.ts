import { RejectedError } from '@bp/core';
import Fastify, { type FastifyInstance, type RouteShorthandOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import { backpressure } from '../src/index.ts';

/** Everything that a handler may throw, and it is no rejection. */
const thrown: readonly (readonly [string, () => unknown])[] = [
  ['an Error', () => new Error('broken')],
  ['an Error with a status', () => Object.assign(new Error('teapot'), { statusCode: 418 })],
  ['an object with a statusCode', () => ({ statusCode: 403, message: 'no' })],
  ['an object with a status', () => ({ status: 404 })],
  ['an object without a status', () => ({ reason: 'unknown' })],
  ['a string', () => 'broken'],
  ['an empty string', () => ''],
  ['a number', () => 5],
  ['null', () => null],
  ['undefined', () => undefined],
  ['true', () => true],
  ['an array', () => [1, 2]],
];

const show = (error: unknown): string =>
  (error instanceof Error ? error.message : JSON.stringify(error)) ?? 'undefined';

/** Every way in which users handle errors: sets it up, and may return options of the route. */
const handlers: Readonly<Record<string, (app: FastifyInstance) => RouteShorthandOptions>> = {
  'no handler': () => ({}),
  'a handler of the server': (app) => {
    app.setErrorHandler((error, _request, reply) =>
      reply.code(502).send({ by: 'server', error: show(error) }),
    );
    return {};
  },
  'a handler of the server that returns': (app) => {
    app.setErrorHandler((error) => ({ by: 'server', error: show(error) }));
    return {};
  },
  'an asynchronous handler of the server': (app) => {
    app.setErrorHandler(async (error, _request, reply) =>
      reply.code(502).send({ by: 'async', error: show(error) }),
    );
    return {};
  },
  'a handler of the server that passes the error on': (app) => {
    app.setErrorHandler((error, _request, reply) => void reply.send(error));
    return {};
  },
  'a handler of the server that throws': (app) => {
    app.setErrorHandler((error) => {
      throw new Error(`again: ${show(error)}`);
    });
    return {};
  },
  'a handler of the route': () => ({
    errorHandler: (error, _request, reply) => void reply.code(502).send({ by: 'route', error: show(error) }),
  }),
  'a handler of the route that throws': () => ({
    errorHandler: (error) => {
      throw new Error(`again: ${show(error)}`);
    },
  }),
};

const ways: Readonly<Record<string, (value: unknown) => (request: unknown, reply: never) => unknown>> = {
  throws: (value) => () => {
    throw value;
  },
  'rejects with': (value) => async () => {
    await null;
    throw value;
  },
};

async function answerOf(
  withPlugin: boolean,
  prepare: (app: FastifyInstance) => RouteShorthandOptions,
  fail: () => unknown,
  where: 'handler' | 'preHandler',
) {
  const app = Fastify();
  if (withPlugin) await app.register(backpressure, {});
  let onErrors = 0;
  app.addHook('onError', async () => void onErrors++);
  const options = prepare(app);
  if (where === 'handler') app.get('/', options, fail as never);
  else app.get('/', { ...options, preHandler: async () => void (await fail()) }, () => 'ok');
  try {
    const { statusCode, body, headers } = await app.inject('/');
    const { date, ...rest } = headers;
    return { statusCode, body, headers: rest, onErrors };
  } finally {
    await app.close();
  }
}

describe.each(Object.entries(handlers))('with %s', (_name, prepare) => {
  describe.each(Object.entries(ways))('a handler that %s', (_way, create) => {
    it.each(thrown)('%s is answered as by Fastify without the plugin', async (_what, make) => {
      const fail = () => create(make())(undefined, undefined as never);
      const bare = await answerOf(false, prepare, fail, 'handler');
      expect(await answerOf(true, prepare, fail, 'handler')).toEqual(bare);
    });
  });

  it.each(thrown)(
    '%s thrown in a preHandler is answered as by Fastify without the plugin',
    async (_what, make) => {
      const fail = () => Promise.reject(make());
      const bare = await answerOf(false, prepare, fail, 'preHandler');
      expect(await answerOf(true, prepare, fail, 'preHandler')).toEqual(bare);
    },
  );
});

describe('a RejectedError that is thrown in an onRequest hook before the plugin', () => {
  it('is answered with 503 and Retry-After', async () => {
    const app = Fastify();
    app.addHook('onRequest', async () => {
      throw new RejectedError('QUEUE_FULL', 'sessions', { retryAfterMs: 1500 });
    });
    await app.register(backpressure, { rateLimit: { rate: 1 }, random: () => 0 });
    app.get('/', () => 'ok');
    const response = await app.inject('/');
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '2']);
    expect(response.json()).toEqual({ error: 'Service overloaded', retryAfter: 2 });
    expect(app.backpressure.stats()).toMatchObject({ active: 0, rejected: { handler: 1 } });
    await app.close();
  });
});
