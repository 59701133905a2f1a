import type { RunningServer } from './run.ts';

const CALLERS = 16;
const RUNS = 2;
const RUN_MS = 2000;

/**
 * Measures how many requests a server answers a second in a closed loop: the better of two runs, because other work on the
 * machine can only lower it.
 */
export async function measureCapacity({ url }: RunningServer): Promise<number> {
  const runs: number[] = [];
  for (let i = 0; i < RUNS; i++) runs.push(await throughput(url, RUN_MS));
  return Math.max(...runs);
}

/** Responses a second. */
async function throughput(url: string, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let responses = 0;
  const call = async (): Promise<void> => {
    while (performance.now() < end) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"orderId":"order-1","amount":100}',
      });
      await response.arrayBuffer();
      responses++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return (responses * 1000) / ms;
}
