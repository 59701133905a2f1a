import { describe, expect, it } from 'vitest';
import { answer, scripted } from './scripted-fetch.ts';

const URL_A = 'https://a.example/orders';

describe('the deadline of a call', () => {
  it('returns the response when it leaves no time for another attempt', async () => {
    const last = answer(503);
    const { clock, fetch, seen } = scripted([last]);
    expect(await fetch(URL_A, {}, { deadline: 119 })).toBe(last);
    expect(seen).toHaveLength(1);
    expect(last.cancelled).toBe(false);
    expect(fetch.stats().outOfTime).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('returns it too when Retry-After is later', async () => {
    const last = answer(503, { 'retry-after': '2' });
    const { fetch } = scripted([last]);
    expect(await fetch(URL_A, {}, { deadline: 2000 })).toBe(last);
  });

  it('ends an attempt that hangs, even if it ignores its signal', async () => {
    for (const heeds of [true, false]) {
      const never = (): Promise<Response> => new Promise(() => {});
      const { clock, fetch } = scripted(['hang'], heeds ? {} : { fetch: never });
      const response = fetch(URL_A, {}, { deadline: 200 }).catch((error) => error);
      await clock.advance(200);
      expect(await response).toMatchObject({ code: 'DEADLINE_EXCEEDED', workBegan: true });
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('cancels the body of a response that is too late', async () => {
    const late = answer(200);
    let respond = (_: Response): void => {};
    const { clock, fetch } = scripted([], { fetch: () => new Promise((resolve) => (respond = resolve)) });
    const response = fetch(URL_A, {}, { deadline: 200 }).catch((error) => error);
    await clock.advance(200);
    expect(await response).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    respond(late);
    await clock.advance(0);
    expect(late.cancelled).toBe(true);
  });

  it('rejects a call for which it leaves no time', async () => {
    const { fetch, seen } = scripted([]);
    await expect(fetch(URL_A, {}, { deadline: 19 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(seen).toHaveLength(0);
  });

  it('does not touch a response in time', async () => {
    const { clock, fetch, seen } = scripted([answer(200)]);
    const response = await fetch(URL_A, {}, { deadline: 200 });
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1000);
    expect(seen[0]?.init.signal?.aborted).toBe(false);
    expect(response.bodyUsed).toBe(false);
  });

  it('is not the timeout of an attempt: the next one has its own', async () => {
    const { clock, fetch, seen } = scripted(['hang'], { attemptTimeoutMs: 50 });
    const response = fetch(URL_A);
    await clock.advance(1000);
    expect((await response).status).toBe(200);
    expect(seen.map(({ at }) => at)).toEqual([0, 150]);
    expect(seen[0]?.init.signal?.aborted).toBe(true);
    expect(seen[1]?.init.signal?.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });
});
