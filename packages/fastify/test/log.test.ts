import { Writable } from 'node:stream';
import { VirtualClock } from '@bp/core/testing';
import Fastify, { LogController } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure } from '../src/index.ts';

interface LogLine {
  readonly level: number;
  readonly msg: string;
}

/** The log lines of one rejected request. */
async function linesOf(options: BackpressureOptions, logController = new LogController()) {
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as LogLine);
      done();
    },
  });
  const app = Fastify({ logger: { level: 'debug', stream }, logController });
  onTestFinished(() => app.close());
  await app.register(backpressure, {
    rateLimit: { rate: 1, burst: 1, policy: 'api' },
    clock: new VirtualClock(),
    ...options,
  });
  app.get('/', () => 'ok');
  await app.inject('/');
  expect((await app.inject('/')).statusCode).toBe(429);
  return lines.filter(({ msg }) => msg === 'request rejected');
}

const quiet = () => new LogController({ disableRequestLogging: true });

it('a rejection is logged with gate and primitive, at the level of request logging', async () => {
  const fields = { gate: 'rate_limit', code: 'RATE_LIMITED', rejectedBy: 'api' };
  expect(await linesOf({})).toMatchObject([{ level: 30, ...fields }]);
});

it('a rejection is logged at level debug when logRejections is false', async () => {
  expect(await linesOf({ logRejections: false }, quiet())).toMatchObject([{ level: 20 }]);
  expect(await linesOf({ logRejections: true }, quiet())).toMatchObject([{ level: 30 }]);
});

it('logRejections must be a boolean', async () => {
  await expect(linesOf({ logRejections: 1 as unknown as boolean })).rejects.toThrow(/logRejections/);
});
