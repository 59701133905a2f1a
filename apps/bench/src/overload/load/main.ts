import { parseArgs } from 'node:util';
import { OpenLoop } from './open-loop.ts';
import type { Phase } from './tally.ts';

/**
 * Generates the load in a separate process: an open loop of Poisson-distributed requests, so that a stalled server cannot hide
 * its stall. Sends a message when it is connected, begins on the first message, and sends a report for each phase.
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
