import type { RunningServer } from './run.ts';

const CALLERS = 16;
const TRIES = 2;
const TRY_MS = 2000;

/**
 * What a server answers a second when callers that wait for their answers keep it busy: the better of two tries, because
 * what else a machine does can only lower it.
 */
export async function measureCapacity({ url }: RunningServer): Promise<number> {
  const tries: number[] = [];
  for (let i = 0; i < TRIES; i++) tries.push(await answersPerSecond(url, TRY_MS));
  return Math.max(...tries);
}

async function answersPerSecond(url: string, ms: number): Promise<number> {
  const end = performance.now() + ms;
  let answered = 0;
  const call = async (): Promise<void> => {
    while (performance.now() < end) {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"item":"book","quantity":1}',
      });
      await answer.arrayBuffer();
      answered++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  return (answered * 1000) / ms;
}
