import { Session } from 'node:inspector';

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
  }[];
}

// Loops are counted only in functions that are first called, and so compiled, after this.
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

/**
 * Counts how often the blocks of the packages' sources run while `operation` runs: a measure of work that does not depend
 * on the speed of the machine. A loop over n elements counts at least n.
 */
export function countWork(operation: () => void): number {
  session.post('Profiler.takePreciseCoverage');
  operation();
  let work = 0;
  session.post('Profiler.takePreciseCoverage', (_error: Error | null, coverage: object) => {
    for (const { url, functions } of (coverage as Coverage).result) {
      if (!url.includes('/src/')) continue;
      for (const { ranges } of functions) for (const { count } of ranges) work += count;
    }
  });
  return work;
}
