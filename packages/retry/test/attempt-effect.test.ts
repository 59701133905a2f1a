import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { RejectedError } from '@bp/core';
import { describe, expect, it } from 'vitest';
import { mayHaveTakenEffect } from '../src/index.ts';

const coded = (code: string, cause?: unknown): Error => Object.assign(new Error(code, { cause }), { code });

describe('mayHaveTakenEffect', () => {
  it.each<[string, unknown]>([
    ['a rejection before the work began', new RejectedError('CIRCUIT_OPEN', 'breaker')],
    ['a deadline that passed in a queue', new RejectedError('DEADLINE_EXCEEDED', 'limiter')],
    ['a connection that the host does not accept', coded('ECONNREFUSED')],
    ['an unknown host behind a fetch error', new TypeError('fetch failed', { cause: coded('ENOTFOUND') })],
    [
      'a connection that timed out',
      new TypeError('fetch failed', { cause: coded('UND_ERR_CONNECT_TIMEOUT') }),
    ],
    [
      'every address of a host that accepts no connection',
      new TypeError('fetch failed', {
        cause: new AggregateError([coded('ECONNREFUSED'), coded('ENETUNREACH')]),
      }),
    ],
  ])('is false for %s', (_, error) => {
    expect(mayHaveTakenEffect(error)).toBe(false);
  });

  it.each<[string, unknown]>([
    [
      'a deadline that passed while the work ran',
      new RejectedError('DEADLINE_EXCEEDED', 'timeout', { workBegan: true }),
    ],
    ['a reset connection', new TypeError('fetch failed', { cause: coded('ECONNRESET') })],
    ['a truncated response', new TypeError('terminated', { cause: coded('UND_ERR_SOCKET') })],
    ['a malformed response', new SyntaxError('Unexpected end of JSON input')],
    [
      'one address that may have been reached',
      new AggregateError([coded('ECONNREFUSED'), coded('ECONNRESET')]),
    ],
    ['an unknown error', new Error('down')],
    ['no error', undefined],
    ['a string', 'ECONNREFUSED'],
  ])('is true for %s', (_, error) => {
    expect(mayHaveTakenEffect(error)).toBe(true);
  });

  it('ends with an error that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(mayHaveTakenEffect(error)).toBe(true);
  });

  it('tells a reset connection from one that was not made, with the real fetch', async () => {
    const server = createServer((socket: Socket) => socket.once('data', () => socket.destroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const reset = await fetch(url).catch((error: unknown) => error);
    server.close();
    await once(server, 'close');
    const notMade = await fetch(url).catch((error: unknown) => error);
    expect(mayHaveTakenEffect(reset)).toBe(true);
    expect(mayHaveTakenEffect(notMade)).toBe(false);
  });
});
