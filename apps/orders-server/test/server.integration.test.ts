import { describe, expect, it } from 'vitest';
import { drip, type ServerProcess, startServer } from './server-process.ts';

const order1 = { orderId: 'order-1', amount: 100 };
const bound = { timeout: 40_000, interval: 25 };

async function bodyOf(response: Response): Promise<{ error?: string; retryAfter?: number }> {
  return (await response.json()) as { error?: string; retryAfter?: number };
}

/** Expects the same seconds in header and body of a rejection, and returns them. */
async function retryAfterOf(response: Response, error: string): Promise<number> {
  const body = await bodyOf(response);
  expect(body).toEqual({ error, retryAfter: Number(response.headers.get('retry-after')) });
  return body.retryAfter ?? Number.NaN;
}

/** The answer to an order whose body never ends; it must come long before the request times out. */
async function neverEndingOrder({ url }: ServerProcess, user: string): Promise<string> {
  const head =
    `POST /api/orders HTTP/1.1\r\nhost: a\r\nx-user-id: ${user}\r\n` +
    'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  const { answer, seconds } = await drip(url, head, '1\r\n \r\n', 20);
  expect(seconds).toBeLessThan(6);
  return answer;
}

describe('the running server', { timeout: 110_000 }, () => {
  it('accepts the burst of one client, rejects the rest with Retry-After, and accepts an order after that time', async () => {
    const server = await startServer();
    const responses = await Promise.all(Array.from({ length: 20 }, () => server.order('user-1')));
    const rejected = responses.filter(({ status }) => status === 429);
    const accepted = responses.filter(({ status }) => status === 202);
    for (const response of accepted)
      expect(await bodyOf(response)).toMatchObject({ message: 'Order queued' });
    // Tokens come back meanwhile, ten a second; how many are rejected depends on how long it takes.
    expect(accepted.length).toBeGreaterThanOrEqual(10);
    expect(rejected.length).toBeGreaterThan(0);
    expect(rejected).toHaveLength(20 - accepted.length);
    const waits = await Promise.all(rejected.map((each) => retryAfterOf(each, 'Rate limit exceeded')));
    expect(new Set(waits)).toEqual(new Set([1]));

    const back = performance.now() + 1_000;
    await expect.poll(() => performance.now() >= back, bound).toBe(true);
    expect((await server.order('user-1')).status).toBe(202);
  });

  it('rejects what 300 users send at once beyond its queue, until the backlog is served', async () => {
    const server = await startServer({
      GATEWAY_LATENCY_MS: '1000',
      GATEWAY_CAPACITY: '100',
      RETRY_SPREAD_MS: '0',
    });
    // The estimate is measured: more orders than there are workers must have been served.
    await Promise.all(Array.from({ length: 14 }, (_, i) => server.order(`first-${i}`, order1)));
    for (let i = 0; i < 14; i++) {
      await expect
        .poll(() => server.get('/api/orders/order-1', `first-${i}`), bound)
        .toMatchObject({ state: 'paid' });
    }

    const sent = performance.now();
    const sending = Promise.all(Array.from({ length: 300 }, (_, i) => server.order(`user-${i}`)));
    await expect
      .poll(() => server.get('/api/metrics'), bound)
      .toMatchObject({ queueFull: true, queueSize: 30 });
    const responses = await sending;
    const rejected = responses.filter(({ status }) => status === 503);
    const accepted = responses.filter(({ status }) => status === 202);
    expect(accepted.length).toBeGreaterThanOrEqual(40);
    expect(rejected).toHaveLength(300 - accepted.length);
    expect(rejected.length).toBeGreaterThan(200);

    // 40 orders at 8 a second are five seconds of work.
    const waits = await Promise.all(rejected.map((each) => retryAfterOf(each, 'Service overloaded')));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(3);
    expect(Math.max(...waits)).toBeLessThanOrEqual(8);

    const back = sent + Math.min(...waits) * 1_000;
    await expect.poll(() => performance.now() >= back, bound).toBe(true);
    expect((await server.order('patient')).status).toBe(202);
    expect(server.lines.filter(({ msg }) => msg === 'overload began')).toHaveLength(1);
  });

  it('accepts each of 300 orders sent at once within a few attempts, if clients follow Retry-After', async () => {
    const server = await startServer();
    const attemptsOf = async (user: string): Promise<number> => {
      for (let attempt = 1; attempt <= 20; attempt++) {
        const response = await server.order(user);
        if (response.status === 202) return attempt;
        const back = performance.now() + (await retryAfterOf(response, 'Service overloaded')) * 1_000;
        await expect.poll(() => performance.now() >= back, { timeout: 60_000, interval: 25 }).toBe(true);
      }
      return Number.POSITIVE_INFINITY;
    };
    const attempts = await Promise.all(Array.from({ length: 300 }, (_, i) => attemptsOf(`user-${i}`)));
    expect(Math.max(...attempts), 'most attempts of one client').toBeLessThanOrEqual(6);
    const total = attempts.reduce((sum, each) => sum + each, 0);
    expect(total / 300, 'attempts on average').toBeLessThan(4);
    const [rejected] = server.lines.filter(({ msg }) => msg === 'overload began');
    expect(rejected).toBeDefined();
  });

  it('opens the breaker while the gateway fails, probes it, and closes it again; every order is paid', async () => {
    const server = await startServer({
      BREAKER_OPEN_MS: '1000',
      GATEWAY_FAILURE_RATE: '1',
      GATEWAY_LATENCY_MS: '10',
    });
    const state = async () => (await server.get('/api/metrics')).circuitBreakerState;
    for (let i = 0; i < 6; i++) await server.order(`user-${i}`, order1);
    await expect.poll(state, bound).toBe('OPEN');
    expect(await server.get('/api/metrics')).toMatchObject({ circuitBreakerFailures: expect.any(Number) });

    await server.control({ failureRate: 0, latencyMs: 300 });
    await expect.poll(state, bound).toBe('HALF_OPEN');
    await expect.poll(state, bound).toBe('CLOSED');
    for (let i = 0; i < 6; i++) {
      await expect
        .poll(() => server.get('/api/orders/order-1', `user-${i}`), bound)
        .toMatchObject({ state: 'paid' });
    }
    const transitions = server.lines.filter(({ msg }) => msg === 'circuit breaker').map(({ to }) => to);
    expect(transitions).toEqual(['OPEN', 'HALF_OPEN', 'CLOSED']);
  });

  it('rejects before it reads the body', async () => {
    const server = await startServer({
      WORKERS: '1',
      QUEUE_CAPACITY: '1',
      RATE_LIMIT_BURST: '1',
      RATE_LIMIT_PER_SECOND: '1',
      GATEWAY_LATENCY_MS: '60000',
      PAYMENT_TIMEOUT_MS: '60000',
      SHUTDOWN_GRACE_MS: '2000',
    });
    await server.order('ann', order1);
    expect(await neverEndingOrder(server, 'ann')).toMatch(/^HTTP\/1\.1 429 .*"retryAfter":1\}$/s);

    await expect
      .poll(() => server.get('/api/orders/order-1', 'ann'), bound)
      .toMatchObject({ state: 'processing' });
    await server.order('bob');
    expect(await neverEndingOrder(server, 'eve')).toMatch(/^HTTP\/1\.1 503 .*"Service overloaded"/s);

    server.kill('SIGTERM');
    await expect.poll(() => server.get('/health'), bound).toEqual({ status: 'draining' });
    expect(await neverEndingOrder(server, 'joe')).toMatch(/^HTTP\/1\.1 503 .*"Service shutting down"/s);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s finishes the accepted orders and exits with 0',
    async (signal) => {
      const server = await startServer({ WORKERS: '2', GATEWAY_LATENCY_MS: '300' });
      for (let i = 0; i < 6; i++) expect((await server.order(`user-${i}`)).status).toBe(202);
      server.kill(signal);
      await expect.poll(() => server.get('/health'), bound).toEqual({ status: 'draining' });
      expect((await server.order('late')).status).toBe(503);
      expect(await server.exited).toBe(0);
      expect(server.lines.map(({ msg }) => msg)).toEqual(
        expect.arrayContaining(['stopping', 'drained', 'stopped']),
      );
      expect(server.lines.filter(({ unfinished }) => unfinished !== undefined)).toEqual([]);
    },
  );

  it('exits with 0 after its grace time although a client holds a connection, and logs the orders it loses', async () => {
    const server = await startServer({
      GATEWAY_LATENCY_MS: '60000',
      PAYMENT_TIMEOUT_MS: '60000',
      SHUTDOWN_GRACE_MS: '500',
    });
    await server.order('ann', order1);
    const holding = neverEndingOrder(server, 'eve');
    await expect.poll(() => server.get('/api/metrics'), bound).toMatchObject({ activeConcurrency: 1 });
    const stopped = performance.now();
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(performance.now() - stopped, 'milliseconds to stop').toBeLessThan(5_000);
    expect(server.lines).toContainEqual(expect.objectContaining({ unfinished: ['order-1'] }));
    await holding;
  });

  it('starts no simulated gateway when PAYMENT_URL is set', async () => {
    const server = await startServer({ PAYMENT_URL: 'http://127.0.0.1:1' });
    expect(server.gatewayUrl).toBe('undefined');
    await server.order('ann', order1);
    await expect
      .poll(() => server.get('/api/orders/order-1', 'ann'), bound)
      .toMatchObject({ state: 'retrying' });
  });
});
