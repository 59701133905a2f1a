import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type Clock, systemClock } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Guard } from '../src/door/guard.ts';
import { type BackpressureOptions, backpressure } from '../src/index.ts';
import { FakeSource } from './harness.ts';

const tierOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined =>
  headers['x-tier'] as string | undefined;

/** A server whose load a test sets, with its door open or not there. */
async function serve(
  options: BackpressureOptions['load'] = {},
  clock: Clock = systemClock,
  rateLimit?: BackpressureOptions['rateLimit'],
) {
  const source = new FakeSource();
  const app = Fastify();
  await app.register(backpressure, {
    clock,
    load: { sources: [source], eventLoop: false, door: { tierOf }, ...options },
    deadline: {},
    rateLimit,
    tiers: { gold: { priority: 1 } },
    tierOf,
    exempt: ['/health'],
    random: () => 0,
  });
  onTestFinished(() => app.close());
  app.get('/', () => 'got');
  app.post('/', ({ body }) => ({ body }));
  app.get('/orders/:id', () => 'one');
  app.get('/health', () => 'well');
  app.get('/slow', async ({ query }) => {
    await new Promise((resolve) => setTimeout(resolve, Number((query as { ms: string }).ms)));
    return 'slow';
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, source };
}

/** One connection on which a test sends what it likes and sees the answers one by one. */
async function open(app: FastifyInstance) {
  const socket: Socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.setNoDelay(true);
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk;
  });
  socket.on('error', () => {});
  const answers = (): { status: string; body: string }[] =>
    [...received.matchAll(/HTTP\/1\.1 (\d{3})[\s\S]*?\r\ncontent-length: (\d+)[\s\S]*?\r\n\r\n/gi)].map(
      (match) => ({
        status: String(match[1]),
        body: received.slice(match.index + match[0].length).slice(0, Number(match[2])),
      }),
    );
  const until = async (count: number) => {
    await expect.poll(() => answers().length, { timeout: 5000, interval: 1 }).toBe(count);
    return answers();
  };
  return {
    socket,
    until,
    received: () => received,
    async ask(text: string) {
      const before = answers().length;
      socket.write(text, 'latin1');
      return (await until(before + 1)).at(-1);
    },
  };
}

const get = (url = '/', ...headers: string[]): string =>
  `GET ${url} HTTP/1.1\r\n${['Host: x', ...headers].join('\r\n')}\r\n\r\n`;
const post = (body: string, ...headers: string[]): string =>
  `POST / HTTP/1.1\r\n${['Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`, ...headers].join('\r\n')}\r\n\r\n${body}`;
const refusedAtDoor = (app: FastifyInstance): number => app.backpressure.stats().refusedAtDoor;

describe('the door', () => {
  it('answers as the server would, from the third refusal of a connection on', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    const inside = await client.ask(get());
    expect(refusedAtDoor(app)).toBe(0);
    const outside = await client.ask(get());
    expect(refusedAtDoor(app)).toBe(1);
    expect(outside).toEqual(inside);
    expect(outside).toEqual({ status: '503', body: '{"error":"Service overloaded","retryAfter":1}' });
    expect(client.received().match(/retry-after: 1\r\n/g)).toHaveLength(3);
    expect(client.received().match(/connection: keep-alive\r\nkeep-alive: timeout=72\r\n/gi)).toHaveLength(3);
    expect(app.backpressure.stats().refused.load).toBe(3);
  });

  it('stands at once on connections that are opened during an overload', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    await (await open(app)).ask(get());
    const client = await open(app);
    expect((await client.ask(post('{}')))?.status).toBe('503');
    expect(refusedAtDoor(app)).toBe(1);
    source.waitMs = 0;
    expect((await client.ask(post('{}')))?.status).toBe('200');
  });

  it('shows the server a request of each connection before it gives up waiting for the first', async () => {
    const clock = new VirtualClock();
    const { app, source } = await serve({}, clock);
    source.waitMs = 500;
    await (await open(app)).ask(get());
    const client = await open(app);
    const ask = async (): Promise<number> => {
      expect((await client.ask(get()))?.status).toBe('503');
      return refusedAtDoor(app);
    };
    expect(await ask()).toBe(1);
    app.server.headersTimeout = 1800;
    await clock.advance(899);
    expect(await ask()).toBe(2);
    await clock.advance(1);
    expect(await ask(), 'this one inside').toBe(2);
    expect(await ask(), 'and the next outside again').toBe(3);
  });

  it('lets in whoever the gates would, with what belongs to the request', async () => {
    const { app, source } = await serve();
    const gold = await open(app);
    for (let i = 0; i < 20; i++) await gold.ask(get('/', ...(i % 4 === 0 ? ['X-Tier: gold'] : [])));
    await new Promise((resolve) => setTimeout(resolve, 110));
    source.waitMs = 120;
    for (let i = 0; i < 3; i++) expect((await gold.ask(get()))?.status).toBe('503');
    expect(refusedAtDoor(app)).toBe(1);
    expect(await gold.ask(post('{"a":1}', 'X-Tier: gold'))).toEqual({
      status: '200',
      body: '{"body":{"a":1}}',
    });
    expect((await gold.ask(get()))?.status).toBe('503');
    expect(refusedAtDoor(app)).toBe(2);
  });

  it('refuses what comes too late as the server would', async () => {
    const { app, source } = await serve({ maxWaitMs: 400 });
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    await client.ask(get());
    source.waitMs = 300;
    const late = await client.ask(get('/', 'X-Request-Timeout-Ms: 5'));
    expect(late).toEqual({ status: '504', body: '{"error":"Deadline exceeded"}' });
    const hopeless = await client.ask(get('/', 'X-Request-Timeout-Ms: 200'));
    expect(hopeless).toEqual({ status: '503', body: '{"error":"Service overloaded","retryAfter":1}' });
    expect(app.backpressure.stats()).toMatchObject({ refusedAtDoor: 2, refused: { load: 2, deadline: 2 } });
    expect((await client.ask(get('/', 'X-Request-Timeout-Ms: 60000')))?.body).toBe('got');
  });

  it('stands for as long as it has somebody to refuse, be it only who comes too late', async () => {
    const clock = new VirtualClock();
    const { app, source } = await serve({}, clock);
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    await client.ask(get());
    source.waitMs = 0;
    const hopeless = get('/', 'X-Request-Timeout-Ms: 1');
    for (let i = 1; i <= 3; i++) {
      await clock.advance(600);
      expect((await client.ask(hopeless))?.status).toBe('504');
      expect(refusedAtDoor(app), `after ${i * 600} ms`).toBe(i);
    }
    expect(app.backpressure.stats().overloaded).toBe(false);
    await clock.advance(1000);
    expect((await client.ask(hopeless))?.status).toBe('504');
    expect(refusedAtDoor(app)).toBe(3);
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
    expect(refusedAtDoor(app)).toBe(0);
    expect(app.backpressure.stats().refused.load).toBe(3);
  });

  it('leaves to the server what is not plain: exempt routes, parameters, problem details, unknown URLs', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) await client.ask(get());
    expect(refusedAtDoor(app)).toBe(1);
    expect((await client.ask(get('/health')))?.body).toBe('well');
    expect((await client.ask(get('/orders/7')))?.status).toBe('503');
    expect((await client.ask(get('/nowhere')))?.status).toBe('503');
    expect((await client.ask(get('/', 'Accept: application/problem+json')))?.body).toContain(
      'temporary-reduced',
    );
    expect(refusedAtDoor(app)).toBe(1);
    expect((await client.ask(get('/?again')))?.status).toBe('503');
    expect(refusedAtDoor(app)).toBe(2);
  });

  it('drops the body of what it refused, however it comes, and nothing else', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(get());
    await client.ask(get());
    const smuggled = get('/health').repeat(50);
    const text = post(smuggled);
    await client.ask(text.slice(0, -smuggled.length));
    for (const part of [smuggled.slice(0, 1000), smuggled.slice(1000)]) {
      client.socket.write(part);
      await new Promise(setImmediate);
    }
    source.waitMs = 0;
    expect((await client.ask(get()))?.body).toBe('got');
    expect((await client.until(4)).map(({ status }) => status)).toEqual(['503', '503', '503', '200']);
    expect(refusedAtDoor(app)).toBe(1);
  });

  it('does not overtake an answer that is under way', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) await client.ask(get());
    source.waitMs = 0;
    client.socket.write(get('/slow?ms=50'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    source.waitMs = 500;
    client.socket.write(get());
    const statuses = (await client.until(5)).map(({ status }) => status);
    expect(statuses).toEqual(['503', '503', '503', '200', '503']);
  });

  it('takes nothing for a request that began in the packet of one it saw refused', async () => {
    const { app, source } = await serve();
    source.waitMs = 500;
    const client = await open(app);
    await client.ask(`${get()}GET /orders/7 HTTP/1.1\r\nHost: x\r\nX-Pad: `);
    expect((await client.ask(get()))?.status).toBe('503');
    source.waitMs = 0;
    expect((await client.ask(get()))?.body).toBe('got');
    expect(refusedAtDoor(app)).toBe(0);
  });

  it('takes no body for a request, of a pipelined one that it has not seen begin either', async () => {
    // The limiter answers later, so that both requests of the first packet have begun when one is refused.
    const { app, source } = await serve({}, systemClock, { limiter: { acquire: async () => {} } });
    source.waitMs = 500;
    const client = await open(app);
    const head = (length: number): string =>
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
    const body = head(200);
    client.socket.write(get() + head(body.length));
    await client.until(2);
    await client.ask(`${body}${head(2)}{}GET /orders/7 HTTP/1.1\r\nHost: x\r\nX-Pad: `);
    await client.ask(get());
    expect(refusedAtDoor(app)).toBe(0);
  });

  it('leaves upgrades alone, on connections it has stood at too', async () => {
    const { app, source } = await serve();
    app.server.on('upgrade', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\ncontent-length: 0\r\n\r\n');
      socket.on('data', (chunk) => socket.write(`echo ${chunk}`));
      socket.on('end', () => socket.end());
    });
    source.waitMs = 500;
    const client = await open(app);
    for (let i = 0; i < 3; i++) await client.ask(get());
    expect(refusedAtDoor(app)).toBe(1);
    await client.ask(get('/', 'Connection: Upgrade', 'Upgrade: test'));
    client.socket.write(get());
    await expect.poll(() => client.received(), { timeout: 5000 }).toContain('echo GET /');
    expect(refusedAtDoor(app)).toBe(1);
  });

  it('stops answering whoever does not read its answers', () => {
    const socket = Object.assign(new EventEmitter(), {
      writableLength: 0,
      remoteAddress: '127.0.0.1',
      written: [] as string[],
      write(text: string) {
        this.written.push(text);
      },
    });
    const passedOn: string[] = [];
    socket.on('data', (chunk) => passedOn.push(String(chunk)));
    const keeper = {
      isNeeded: true,
      maxUnreadBodyBytes: 0,
      maxUnseenMs: 1000,
      now: () => 0,
      answer: () => 'no',
    };
    Guard.on(socket as never, undefined, keeper, () => {});
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

  it('gives every request its own answer, in order, however the bytes are cut', async () => {
    const { app, source } = await serve();
    const request = fc.record({
      kind: fc.constantFrom('get', 'post', 'gold', 'health', 'chunked', 'pipelined'),
      body: fc.stringMatching(/^[a-z ]{0,40}$/),
      busy: fc.boolean(),
      cuts: fc.array(fc.nat(150), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (requests) => {
        const client = await open(app);
        source.waitMs = 500;
        for (let i = 0; i < 3; i++) await client.ask(get());
        let answered = 3;
        for (const { kind, body, busy, cuts } of requests) {
          source.waitMs = busy ? 500 : 0;
          const json = JSON.stringify({ body });
          const chunked = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n`;
          const text = {
            get: get(),
            post: post(json),
            gold: post(json, 'X-Tier: gold'),
            health: get('/health'),
            chunked,
            pipelined: get() + post(json) + get('/health'),
          }[kind];
          const ends = [...cuts.map((cut) => cut % text.length), text.length].sort((a, b) => a - b);
          let from = 0;
          for (const to of ends) {
            if (to > from) client.socket.write(text.slice(from, to));
            from = to;
            await new Promise(setImmediate);
          }
          const expected = kind === 'pipelined' ? 3 : 1;
          answered += expected;
          // A refused chunked body closes the connection: nobody knows where it ends.
          const seen = await client.until(answered);
          const [last] = seen.slice(-1);
          if (kind === 'chunked' && busy) return;
          if (kind === 'health' || kind === 'pipelined')
            expect(last).toEqual({ status: '200', body: 'well' });
          else if (busy) expect(last?.status).toBe('503');
          else if (kind === 'get') expect(last?.body).toBe('got');
          else expect(JSON.parse(last?.body ?? '')).toEqual({ body: { body } });
        }
        client.socket.destroy();
      }),
      { numRuns: 60 },
    );
    expect(refusedAtDoor(app)).toBeGreaterThan(60);
  });
});
