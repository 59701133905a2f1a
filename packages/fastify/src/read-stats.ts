import type { AdmissionPipelineParts } from './admission-pipeline.ts';
import type { BackpressureStats } from './stats.ts';

/** Collects the stats of all parts of the pipeline. */
export function readStats(parts: AdmissionPipelineParts): BackpressureStats {
  const { options, requests, sender, load, overload, shutdown } = parts;
  return {
    ...requests.stats(),
    rejected: sender.counts.byGate,
    rejectedBy: sender.counts.byName,
    queued: load?.queued ?? 0,
    pressure: options.load === undefined ? 0 : (load?.pressure(options.load, options.clock.now()) ?? 0),
    overloaded: overload.overloaded,
    eventLoopLagMs: load?.loop?.lagMs ?? 0,
    eventLoopUtilization: load?.loop?.utilization ?? 0,
    shuttingDown: shutdown.started,
  };
}
