import { describe, expect, it, onTestFinished } from 'vitest';
import { type Hop, startServices } from '../src/services.ts';

async function start() {
  const hops: Hop[] = [];
  const services = await startServices((hop) => hops.push(hop));
  onTestFinished(() => services[Symbol.asyncDispose]());
  const firstHop = async (): Promise<Hop> => {
    await expect.poll(() => hops.length, { timeout: 5000 }).toBe(1);
    return hops[0] as Hop;
  };
  return { url: services.url, firstHop };
}

const methods: { method: string; body?: string; headers?: Record<string, string> }[] = [
  { method: 'GET' },
  { method: 'POST', body: '{"id":1}', headers: { 'content-type': 'application/json' } },
];

describe.each(methods)('two services, $method', (init) => {
  it('the second service receives less time than the client gave the first', async () => {
    const { url, firstHop } = await start();
    const headers = { ...init.headers, 'x-request-timeout-ms': '200' };
    const call = fetch(`${url}?workMs=60000`, { ...init, headers });
    const { method, timeoutHeader, context } = await firstHop();
    expect(method).toBe(init.method);
    expect(timeoutHeader).toMatch(/^\d+$/);
    expect(Number(timeoutHeader)).toBeLessThan(200);
    expect(context.remainingMs()).toBeLessThan(200);

    expect((await call).status).toBe(504);
    await expect.poll(() => context.done, { timeout: 5000 }).toBe(true);
  });

  it('a client that disconnects cancels the work of the second service', async () => {
    const { url, firstHop } = await start();
    const client = new AbortController();
    // Without a deadline only the client can end this work.
    const call = fetch(`${url}?workMs=60000`, { ...init, signal: client.signal });
    const { context } = await firstHop();
    expect(context.done, 'while the client waits').toBe(false);
    expect(context.signal.aborted).toBe(false);

    client.abort();
    await expect(call).rejects.toThrow();
    await expect.poll(() => context.signal.aborted, { timeout: 5000 }).toBe(true);
    expect(context.reason).toBe('caller-gone');
  });
});
