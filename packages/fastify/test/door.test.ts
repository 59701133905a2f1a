import { EventEmitter } from 'node:events';
import { systemClock } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { Guard } from '../src/door/guard.ts';
import { get, open, post, rejectedAtDoor, serve } from './door-harness.ts';

describe('who is rejected at the door', () => {
  it('answers as the server would, from the second rejection on', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    const inside = await client.ask(get());
    expect(rejectedAtDoor(app)).toBe(0);
    const outside = await client.ask(get());
    expect(rejectedAtDoor(app)).toBe(1);
    expect(outside).toEqual(inside);
    expect(outside).toEqual({ status: '503', body: '{"error":"Service overloaded","retryAfter":1}' });
    expect(client.received().match(/retry-after: 1\r\n/g)).toHaveLength(2);
    expect(client.received().match(/connection: keep-alive\r\nkeep-alive: timeout=72\r\n/gi)).toHaveLength(2);
    expect(app.backpressure.stats().rejected.load).toBe(2);
  });

  it('stands on connections that are opened during an overload from their second request on: the server minds their first', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    await (await open(app)).ask(get());
    const client = await open(app);
    expect((await client.ask(post('{}')))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(0);
    expect((await client.ask(post('{}')))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(1);
    source.waitMs = 0;
    expect((await client.ask(post('{}')))?.status).toBe('200');
  });

  it('knows no route by a URL that constraints share', async () => {
    const { app, source } = await serve({}, systemClock, undefined, (server) => {
      const exempt = { config: { backpressure: false } } as const;
      for (const [url, first] of [
        ['/a', true],
        ['/b', false],
      ] as const) {
        if (first) server.get(url, () => 'plain');
        server.get(url, { ...exempt, constraints: { host: 'free' } }, () => 'free');
        if (!first) server.get(url, () => 'plain');
      }
    });
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    for (const url of ['/a', '/b']) {
      expect((await client.ask(get(url)))?.status).toBe('503');
      expect((await client.ask(get(url).replace('Host: x', 'Host: free')))?.body).toBe('free');
    }
    expect(rejectedAtDoor(app)).toBe(0);
  });

  it('lets in whoever the gates would, with what belongs to the request', async () => {
    const { app, source } = await serve();
    const gold = await open(app);
    for (let i = 0; i < 20; i++) await gold.ask(get('/', ...(i % 4 === 0 ? ['X-Tier: gold'] : [])));
    await new Promise((resolve) => setTimeout(resolve, 110));
    source.waitMs = 120;
    for (let i = 0; i < 2; i++) expect((await gold.ask(get()))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(1);
    expect(await gold.ask(post('{"a":1}', 'X-Tier: gold'))).toEqual({
      status: '200',
      body: '{"body":{"a":1}}',
    });
    expect((await gold.ask(get()))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(2);
  });

  it('rejects what comes too late as the server would', async () => {
    const { app, source } = await serve({ maxWaitMs: 400 });
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    source.waitMs = 300;
    const late = await client.ask(get('/', 'X-Request-Timeout-Ms: 5'));
    expect(late).toEqual({ status: '504', body: '{"error":"Deadline exceeded"}' });
    const hopeless = await client.ask(get('/', 'X-Request-Timeout-Ms: 200'));
    expect(hopeless).toEqual({ status: '503', body: '{"error":"Service overloaded","retryAfter":1}' });
    expect(app.backpressure.stats()).toMatchObject({ rejectedAtDoor: 2, rejected: { load: 1, deadline: 2 } });
    expect((await client.ask(get('/', 'X-Request-Timeout-Ms: 60000')))?.body).toBe('got');
  });

  it('stands for as long as it has somebody to reject, be it only who comes too late', async () => {
    const clock = new VirtualClock();
    const { app, source } = await serve({}, clock);
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    source.waitMs = 0;
    const hopeless = get('/', 'X-Request-Timeout-Ms: 1');
    for (let i = 1; i <= 3; i++) {
      await clock.advance(600);
      expect((await client.ask(hopeless))?.status).toBe('504');
      expect(rejectedAtDoor(app), `after ${i * 600} ms`).toBe(i);
    }
    expect(app.backpressure.stats().overloaded).toBe(false);
    await clock.advance(1000);
    expect((await client.ask(hopeless))?.status).toBe('504');
    expect(rejectedAtDoor(app)).toBe(3);
  });

  it('gives connections back when the load is over', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) await client.ask(post('{}'));
    source.waitMs = 0;
    expect((await client.ask(post('{"b":2}')))?.body).toBe('{"body":{"b":2}}');
    expect((await client.ask(get()))?.body).toBe('got');
    expect(client.socket.destroyed).toBe(false);
  });

  it('is not there unless it is asked for', async () => {
    const { app, source } = await serve({ door: false });
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) expect((await client.ask(get()))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(0);
    expect(app.backpressure.stats().rejected.load).toBe(3);
  });

  it('leaves to the server what is not plain: exempt routes, parameters, problem details, unknown URLs', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 2; i++) await client.ask(get());
    expect(rejectedAtDoor(app)).toBe(1);
    expect((await client.ask(get('/health')))?.body).toBe('well');
    expect((await client.ask(get('/orders/7')))?.status).toBe('503');
    expect((await client.ask(get('/nowhere')))?.status).toBe('503');
    expect((await client.ask(get('/', 'Accept: application/problem+json')))?.body).toContain(
      'temporary-reduced',
    );
    expect(rejectedAtDoor(app)).toBe(1);
    expect((await client.ask(get('/?again')))?.status).toBe('503');
    expect(rejectedAtDoor(app)).toBe(2);
  });

  it('stops answering whoever does not read its answers', () => {
    const socket = Object.assign(new EventEmitter(), {
      writable: true,
      writableLength: 0,
      remoteAddress: '127.0.0.1',
      written: [] as string[],
      write(text: string) {
        this.written.push(text);
      },
    });
    const passedOn: string[] = [];
    socket.on('data', (chunk) => passedOn.push(String(chunk)));
    const guard = Guard.on(socket as never, { isNeeded: true, answer: () => 'no' }, () => {});
    const response = new EventEmitter();
    guard?.entered(response as never);
    response.emit('close');
    socket.emit('data', Buffer.from(get('/1')));
    socket.writableLength = 2;
    socket.emit('data', Buffer.from(get('/2')));
    expect(socket.written).toEqual(['no']);
    expect(passedOn).toEqual([get('/2')]);
  });

  it('keeps the connection for as long as the server says, and lets the server close', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) await client.ask(get());
    await app.close();
    await expect
      .poll(() => client.socket.destroyed || client.socket.readyState, { timeout: 5000 })
      .not.toBe('open');
  });
});
