import { once } from 'node:events';
import type { Server } from 'node:net';
import { parseArgs } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { bare } from './servers/bare.ts';
import { constant } from './servers/constant.ts';
import { ours } from './servers/ours.ts';
import { pQueue } from './servers/p-queue.ts';
import { fastifyPlugins } from './servers/under-pressure.ts';
import { createWork, type Workload } from './work.ts';

/** Runs one server under test in a separate process. Sends its port to the parent; replies to any message with its usage. */
const { values } = parseArgs({
  options: {
    kind: { type: 'string' },
    workload: { type: 'string' },
    'sample-interval': { type: 'string', default: '100' },
    'max-delay': { type: 'string', default: '50' },
  },
});

const workload = values.workload as Workload;
const work = createWork(workload);
// The dependency has 8 slots; CPU-bound work gains nothing from more than one at a time, and 8 do not hurt it. Half of the mixed
// work takes no slot, so 8 at a time would leave slots free.
const concurrency = workload === 'mixed' ? 16 : 8;

const HOST = '127.0.0.1';

const listening = async (created: Promise<FastifyInstance>): Promise<Server> => {
  const app = await created;
  await app.listen({ port: 0, host: HOST });
  return app.server;
};

const servers: Readonly<Record<string, () => Promise<Server>>> = {
  bare: () => listening(bare(work)),
  'p-queue': () => listening(pQueue(work, concurrency)),
  'under-pressure': () =>
    listening(
      fastifyPlugins(work, {
        sampleInterval: Number(values['sample-interval']),
        maxEventLoopDelay: Number(values['max-delay']),
      }),
    ),
  ours: () => listening(ours(work, concurrency)),
  constant: async () => {
    const server = constant().listen(0, HOST);
    await once(server, 'listening');
    return server;
  },
};

const create = servers[values.kind ?? ''];
if (create === undefined) throw new RangeError(`kind must be one of ${Object.keys(servers).join(', ')}`);
const server = await create();
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('no port');
process.send?.({ port: address.port });
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  globalThis.gc?.();
  process.send?.({ memory: rss, heap: process.memoryUsage().heapUsed, cpuMs: (user + system) / 1000 });
});
process.on('disconnect', () => process.exit(0));
