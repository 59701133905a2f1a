import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { drip, runMain, type ServerProcess, startServer } from './server-process.ts';

const bound = { timeout: 15_000, interval: 25 };

async function bodyOf(response: Response): Promise<{ error?: string; retryAfter?: number }> {
  return (await response.json()) as { error?: string; retryAfter?: number };
}

/** Whether a rejection says the same in header and body. Returns the seconds. */
async function retryAfterOf(response: Response, error: string): Promise<number> {
  const body = await bodyOf(response);
  expect(body).toEqual({ error, retryAfter: Number(response.headers.get('retry-after')) });
  return body.retryAfter ?? Number.NaN;
}

/** What is said to an order whose body never ends; it must be said long before the request would time out. */
async function neverEndingOrder({ url }: ServerProcess, user: string): Promise<string> {
  const head =
    `POST /api/orders HTTP/1.1\r\nhost: a\r\nx-user-id: ${user}\r\n` +
    'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n';
  const { answer, seconds } = await drip(url, head, '1\r\n \r\n', 20);
  expect(seconds).toBeLessThan(6);
  return answer;
}

describe('the running server', { timeout: 40_000 }, () => {
  it('takes ten of twenty orders sent at once by one client, and tells it when to come back', async () => {
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

  it('rejects what 300 users send at once beyond its queue, until the queue has drained', async () => {
    const server = await startServer({
      GATEWAY_LATENCY_MS: '1000',
      GATEWAY_CAPACITY: '100',
      RETRY_SPREAD_MS: '0',
      MAX_LOOP_WAIT_MS: '60000',
    });
    // What an order takes is measured, so some must have been served: more than there are workers.
    await Promise.all(Array.from({ length: 14 }, (_, i) => server.order(`first-${i}`)));
    await expect.poll(() => server.get('/api/orders/order-14'), bound).toMatchObject({ state: 'paid' });

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

  it('takes every one of 300 orders sent at once within a few tries, if each comes back when it is told', async () => {
    const server = await startServer();
    const triesOf = async (user: string): Promise<number> => {
      for (let tries = 1; tries <= 20; tries++) {
        const response = await server.order(user);
        if (response.status === 202) return tries;
        const back = performance.now() + (await retryAfterOf(response, 'Service overloaded')) * 1_000;
        await expect.poll(() => performance.now() >= back, { timeout: 60_000, interval: 25 }).toBe(true);
      }
      return Number.POSITIVE_INFINITY;
    };
    const tries = await Promise.all(Array.from({ length: 300 }, (_, i) => triesOf(`user-${i}`)));
    expect(Math.max(...tries), 'tries of the unluckiest').toBeLessThanOrEqual(6);
    const total = tries.reduce((sum, each) => sum + each, 0);
    expect(total / 300, 'tries on average').toBeLessThan(4);
    const [rejected] = server.lines.filter(({ msg }) => msg === 'overload began');
    expect(rejected).toBeDefined();
  });

  it('opens the breaker while the gateway fails, tries it half open, and closes it again; no order is lost', async () => {
    const server = await startServer({
      BREAKER_OPEN_MS: '1000',
      GATEWAY_FAILURE_RATE: '1',
      GATEWAY_LATENCY_MS: '10',
    });
    const state = async () => (await server.get('/api/metrics')).circuitBreakerState;
    for (let i = 0; i < 6; i++) await server.order(`user-${i}`);
    await expect.poll(state, bound).toBe('OPEN');
    expect(await server.get('/api/metrics')).toMatchObject({ circuitBreakerFailures: expect.any(Number) });

    await server.control({ failureRate: 0, latencyMs: 300 });
    await expect.poll(state, bound).toBe('HALF_OPEN');
    await expect.poll(state, bound).toBe('CLOSED');
    for (let i = 1; i <= 6; i++) {
      await expect.poll(() => server.get(`/api/orders/order-${i}`), bound).toMatchObject({ state: 'paid' });
    }
    const transitions = server.lines.filter(({ msg }) => msg === 'circuit breaker').map(({ to }) => to);
    expect(transitions).toEqual(['OPEN', 'HALF_OPEN', 'CLOSED']);
  });

  it('rejects before it has read the body', async () => {
    const server = await startServer({
      WORKERS: '1',
      QUEUE_CAPACITY: '1',
      RATE_LIMIT_BURST: '1',
      RATE_LIMIT_PER_SECOND: '1',
      GATEWAY_LATENCY_MS: '60000',
      PAYMENT_TIMEOUT_MS: '60000',
      SHUTDOWN_GRACE_MS: '2000',
    });
    await server.order('ann');
    expect(await neverEndingOrder(server, 'ann')).toMatch(/^HTTP\/1\.1 429 .*"retryAfter":1\}$/s);

    await expect.poll(() => server.get('/api/orders/order-1'), bound).toMatchObject({ state: 'processing' });
    await server.order('bob');
    expect(await neverEndingOrder(server, 'eve')).toMatch(/^HTTP\/1\.1 503 .*"Service overloaded"/s);

    server.kill('SIGTERM');
    await expect.poll(() => server.get('/health'), bound).toEqual({ status: 'draining' });
    expect(await neverEndingOrder(server, 'joe')).toMatch(/^HTTP\/1\.1 503 .*"Service shutting down"/s);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s finishes what it has taken and exits with 0',
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

  it('exits with 0 when its grace time is over, whoever holds a connection, and names the orders it loses', async () => {
    const server = await startServer({
      GATEWAY_LATENCY_MS: '60000',
      PAYMENT_TIMEOUT_MS: '60000',
      SHUTDOWN_GRACE_MS: '500',
    });
    await server.order('ann');
    const holding = neverEndingOrder(server, 'eve');
    await expect.poll(() => server.get('/api/metrics'), bound).toMatchObject({ activeConcurrency: 1 });
    const stopped = performance.now();
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(performance.now() - stopped, 'milliseconds to stop').toBeLessThan(5_000);
    expect(server.lines).toContainEqual(expect.objectContaining({ unfinished: ['order-1'] }));
    await holding;
  });

  it('does not start on a bad setting, and says which', async () => {
    const child = runMain({ PORT: 'http', WORKERS: '0' });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const [code] = await once(child, 'exit');
    expect(code).toBe(1);
    expect(said).toBe(
      'PORT must be an integer from 0 to 65535, got "http"\nWORKERS must be an integer from 1 to 1000000, got "0"\n',
    );
  });

  it('starts no gateway of its own when it is given one', async () => {
    const server = await startServer({ PAYMENT_URL: 'http://127.0.0.1:1' });
    expect(server.gatewayUrl).toBe('undefined');
    await server.order('ann');
    await expect.poll(() => server.get('/api/orders/order-1'), bound).toMatchObject({ state: 'retrying' });
  });
});
