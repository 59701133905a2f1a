import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type Clock, systemClock } from '@bp/core';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure } from '../src/index.ts';
import { FakeSource } from './harness.ts';

export const tierOf = ({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined =>
  headers['x-tier'] as string | undefined;

/** A server whose load a test sets, with its door open or not there. */
export async function serve(
  options: BackpressureOptions['load'] = {},
  clock: Clock = systemClock,
  rateLimit?: BackpressureOptions['rateLimit'],
  prepare: (app: FastifyInstance) => void = () => {},
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
  prepare(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { app, source };
}

/** One connection on which a test sends what it likes and sees the answers one by one. */
export async function open(app: FastifyInstance) {
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

export const get = (url = '/', ...headers: string[]): string =>
  `GET ${url} HTTP/1.1\r\n${['Host: x', ...headers].join('\r\n')}\r\n\r\n`;
export const post = (body: string, ...headers: string[]): string =>
  `POST / HTTP/1.1\r\n${['Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`, ...headers].join('\r\n')}\r\n\r\n${body}`;
export const rejectedAtDoor = (app: FastifyInstance): number => app.backpressure.stats().rejectedAtDoor;
