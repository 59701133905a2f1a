import { parseArgs } from 'node:util';
import type { Phase } from '../run.ts';
import { OpenLoop } from './open-loop.ts';

/**
 * The load, in a process of its own: an open loop with Poisson arrivals, so a stalled server cannot hide its stall.
 * Says when it is connected, begins when it is told to, and sends a report for each phase.
 */
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    phases: { type: 'string' },
    deadline: { type: 'string', default: '500' },
    connections: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
  },
});

const loop = new OpenLoop({
  url: new URL(values.url ?? ''),
  connections: Number(values.connections),
  deadlineMs: Number(values.deadline),
  seed: Number(values.seed),
});
await loop.connect();
process.send?.('connected');
process.once('message', async () => {
  process.send?.(await loop.run(JSON.parse(values.phases ?? '[]') as Phase[]));
});
