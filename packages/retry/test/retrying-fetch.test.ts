import { describe, expect, expectTypeOf, it } from 'vitest';
import type { RetryingFetch } from '../src/index.ts';
import { answer, type Step, scripted } from './scripted-fetch.ts';

const URL_A = 'https://a.example/orders';
const down = (): Error => new TypeError('fetch failed');

async function triesOf(input: string | URL | Request, init?: RequestInit): Promise<number> {
  const { clock, fetch, seen } = scripted([503]);
  const response = fetch(input, init);
  await clock.advance(1000);
  await response;
  return seen.length;
}

describe('createRetryingFetch', () => {
  it('has the type of fetch', () => {
    expectTypeOf<RetryingFetch>().toExtend<typeof globalThis.fetch>();
  });

  it.each<Step>([408, 425, 429, 500, 502, 503, 504, down()])('retries after %s', async (step) => {
    const { clock, fetch, seen } = scripted([step, step]);
    const response = fetch(URL_A);
    await clock.advance(1000);
    expect((await response).status).toBe(200);
    expect(seen.map(({ at }) => at)).toEqual([0, 100, 300]);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([200, 204, 301, 400, 401, 403, 404, 409, 413, 422, 501, 505])(
    'returns a response with status %d',
    async (status) => {
      const { fetch, seen } = scripted([new Response(null, { status })]);
      expect((await fetch(URL_A)).status).toBe(status);
      expect(seen).toHaveLength(1);
    },
  );

  it('retries other statuses on request', async () => {
    const { clock, fetch, seen } = scripted([503, 418, 418], { retryStatuses: [418] });
    expect((await fetch(URL_A)).status).toBe(503);
    const response = fetch(URL_A);
    await clock.advance(1000);
    expect((await response).status).toBe(200);
    expect(seen).toHaveLength(4);
  });

  it('returns the last response with its body unread after maxAttempts', async () => {
    const { clock, fetch, seen } = scripted([503, 503, 503]);
    const response = fetch(URL_A);
    await clock.advance(1000);
    expect((await response).status).toBe(503);
    expect(await (await response).text()).toBe('status 503');
    expect(seen).toHaveLength(3);
    expect(fetch.stats()).toMatchObject({ admitted: 1, attempts: 3, outOfAttempts: 1 });
  });

  it('rejects with the last error itself', async () => {
    const error = down();
    const { clock, fetch } = scripted([503, 502, error]);
    const response = fetch(URL_A).catch((reason) => reason);
    await clock.advance(1000);
    expect(await response).toBe(error);
  });

  it('cancels the body of every response that it does not return', async () => {
    const answers = [answer(503), answer(502), answer(500)];
    const { clock, fetch } = scripted(answers);
    const response = fetch(URL_A);
    await clock.advance(50);
    expect(answers[0]?.cancelled, 'before the pause, not after it').toBe(true);
    await clock.advance(1000);
    expect(await response).toBe(answers[2]);
    expect(answers.map(({ cancelled }) => cancelled)).toEqual([true, true, false]);
  });
});

describe('sending a request again', () => {
  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'get', 'put'])('is allowed for %s', async (method) => {
    expect(await triesOf(URL_A, { method })).toBe(2);
    expect(await triesOf(new Request(URL_A, { method }))).toBe(2);
  });

  it.each(['POST', 'PATCH'])('is allowed for %s only with an idempotency key', async (method) => {
    expect(await triesOf(URL_A, { method })).toBe(1);
    expect(await triesOf(new Request(URL_A, { method }))).toBe(1);
    expect(await triesOf(URL_A, { method, headers: { 'Idempotency-Key': '' } })).toBe(1);
    expect(await triesOf(URL_A, { method, headers: { 'Idempotency-Key': 'order-1' } })).toBe(2);
    expect(await triesOf(new Request(URL_A, { method, headers: { 'Idempotency-Key': 'order-1' } }))).toBe(2);
  });

  it('follows init where it overrides the Request', async () => {
    expect(await triesOf(new Request(URL_A, { method: 'POST' }), { method: 'PUT' })).toBe(2);
    expect(await triesOf(new Request(URL_A), { method: 'POST' })).toBe(1);
    const keyed = new Request(URL_A, { method: 'POST', headers: { 'Idempotency-Key': 'order-1' } });
    expect(await triesOf(keyed, { headers: { accept: '*/*' } }), 'as fetch does').toBe(1);
  });

  it.each<[string, () => BodyInit]>([
    ['a string', () => 'text'],
    ['bytes', () => new TextEncoder().encode('text')],
    ['a view', () => new DataView(new ArrayBuffer(4))],
    ['a buffer', () => new ArrayBuffer(4)],
    ['a blob', () => new Blob(['text'])],
    ['a file', () => new File(['text'], 'a.txt')],
    ['a form', () => new FormData()],
    ['parameters', () => new URLSearchParams('a=1')],
  ])('is possible with %s as the body', async (_, body) => {
    expect(await triesOf(URL_A, { method: 'PUT', body: body() })).toBe(2);
  });

  it('is not possible with a stream as the body', async () => {
    const body = (): BodyInit => new Blob(['text']).stream();
    expect(await triesOf(URL_A, { method: 'PUT', body: body() })).toBe(1);
    const request = new Request(URL_A, { method: 'PUT', body: 'text' });
    expect(await triesOf(request), 'a Request holds its body as a stream').toBe(1);
    expect(await triesOf(request, { body: 'other' })).toBe(2);
  });

  it('leaves a malformed URL to fetch', async () => {
    const { fetch, seen } = scripted([down()], {
      breakerFor: () => {
        throw new Error('no host to ask for');
      },
    });
    await expect(fetch('//')).rejects.toThrow('fetch failed');
    expect(seen).toHaveLength(1);
  });

  it('rejects malformed headers without an attempt', async () => {
    const { fetch, seen } = scripted([]);
    await expect(fetch(URL_A, { headers: { 'a b': 'c' } })).rejects.toThrow(TypeError);
    expect(seen).toHaveLength(0);
  });
});

describe('Retry-After', () => {
  it('in seconds is never cut short', async () => {
    const { clock, fetch, seen } = scripted([
      answer(503, { 'retry-after': '2' }),
      answer(429, { 'retry-after': '0' }),
    ]);
    const response = fetch(URL_A);
    await clock.advance(10_000);
    await response;
    expect(seen.map(({ at }) => at)).toEqual([0, 2100, 2300]);
  });

  it('as a date is measured from the given wall clock', async () => {
    const wall = Date.UTC(2024, 0, 1, 12, 0, 0);
    const { clock, fetch, seen } = scripted(
      [answer(503, { 'retry-after': 'Mon, 01 Jan 2024 12:00:05 GMT' })],
      {
        wallNow: () => wall + 500,
      },
    );
    const response = fetch(URL_A);
    await clock.advance(10_000);
    await response;
    expect(seen.map(({ at }) => at)).toEqual([0, 4600]);
  });

  it.each(['-1', 'soon', '1.5', '31', '5, 10', '9'.repeat(300)])('%j means never', async (value) => {
    const response = answer(503, { 'retry-after': value });
    const { clock, fetch, seen } = scripted([response]);
    expect(await fetch(URL_A)).toBe(response);
    expect(response.cancelled).toBe(false);
    expect(seen).toHaveLength(1);
    expect(fetch.stats().delayTooLong).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('changes nothing on a final response', async () => {
    const { fetch, seen } = scripted([answer(404, { 'retry-after': '1' })]);
    expect((await fetch(URL_A)).status).toBe(404);
    expect(seen).toHaveLength(1);
  });
});

describe('the headers of a request', () => {
  it('have the number of the attempt, and the remaining time less the margin', async () => {
    const { clock, fetch, seen } = scripted([503, 503]);
    const response = fetch(URL_A, {}, { deadline: 1000.9 });
    await clock.advance(1000);
    await response;
    const sent = seen.map(({ headers }) => [
      headers.get('x-request-attempt'),
      headers.get('x-request-timeout-ms'),
    ]);
    expect(sent).toEqual([
      ['1', '990'],
      ['2', '890'],
      ['3', '690'],
    ]);
  });

  it('have the time of the attempt if that is shorter', async () => {
    const { clock, fetch, seen } = scripted([503], { attemptTimeoutMs: 400, marginMs: 30 });
    const response = fetch(URL_A, {}, { deadline: 500 });
    await clock.advance(1000);
    await response;
    expect(seen.map(({ headers }) => headers.get('x-request-timeout-ms'))).toEqual(['370', '370']);
  });

  it('have no time without a deadline, and at most ten digits', async () => {
    const { fetch, seen } = scripted([]);
    await fetch(URL_A);
    await fetch(URL_A, {}, { deadline: 1e11 });
    expect(seen.map(({ headers }) => headers.get('x-request-timeout-ms'))).toEqual([null, '9999999999']);
  });

  it('are added to those of the caller, which do not change', async () => {
    const { clock, fetch, seen } = scripted([503]);
    const headers = new Headers({ accept: 'text/plain' });
    const response = fetch(new Request(URL_A, { headers: { accept: 'never' } }), {
      headers,
      cache: 'no-store',
    });
    await clock.advance(1000);
    await response;
    expect(seen.map(({ headers: sent }) => sent.get('accept'))).toEqual(['text/plain', 'text/plain']);
    expect(seen[1]?.init.cache).toBe('no-store');
    expect([...headers]).toEqual([['accept', 'text/plain']]);
  });
});

describe('close', () => {
  it('ends the pauses and rejects new calls', async () => {
    const { clock, fetch } = scripted([down()]);
    const response = fetch(URL_A).catch((error) => error);
    await clock.advance(0);
    await fetch.close();
    expect(await response).toBeInstanceOf(TypeError);
    await expect(fetch(URL_A)).rejects.toMatchObject({ code: 'SHUTTING_DOWN', rejectedBy: 'retrying-fetch' });
    await fetch[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects a call that pauses after a response, whose body was cancelled', async () => {
    const { clock, fetch } = scripted([503]);
    const response = fetch(URL_A).catch((error) => error);
    await clock.advance(0);
    await fetch.close();
    expect(await response).toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
