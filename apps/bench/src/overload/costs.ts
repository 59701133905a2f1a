import type { Point } from './point.ts';

/** What one request costs a server, in milliseconds of CPU. */
export interface Costs {
  readonly serveMs: number;
  readonly rejectMs: number;
}

/**
 * Computes the costs from the points of one server. Serving: CPU over requests served, at the load nearest to the capacity.
 * Rejecting: the rest of the CPU at the heaviest load, over requests rejected.
 */
export function costsOf(points: readonly Point[]): Costs {
  const full = points.reduce((a, b) => (Math.abs(b.load - 1) < Math.abs(a.load - 1) ? b : a));
  const heavy = points.reduce((a, b) => (b.load > a.load ? b : a));
  const serveMs = full.used.cpuMs / full.served;
  const rejectMs = Math.max(0, heavy.used.cpuMs - heavy.served * serveMs) / Math.max(1, heavy.rejected);
  return { serveMs, rejectMs };
}

/**
 * The share of its capacity that a server can serve at `load` and these costs: what rejecting leaves of each second of CPU.
 */
export function permittedShare({ serveMs, rejectMs }: Costs, capacity: number, load: number): number {
  const served = (1000 - load * capacity * rejectMs) / (serveMs - rejectMs);
  return Math.max(0, Math.min(1, load, served / capacity));
}

/** Milliseconds of CPU that a server which rejects every request spends on one. */
export function rejectionMs({ used, rejected }: Point): number {
  return used.cpuMs / Math.max(1, rejected);
}
