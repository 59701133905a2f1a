import type { Point } from './point.ts';

/** What one request costs a server, in milliseconds of CPU. */
export interface Costs {
  readonly serveMs: number;
  readonly rejectMs: number;
}

/**
 * From the points of one server: serving as the CPU over the requests served at the load next to its capacity; rejecting as
 * what is left of the CPU at the heaviest load when those it served are taken off.
 */
export function costsOf(points: readonly Point[]): Costs {
  const full = points.reduce((a, b) => (Math.abs(b.load - 1) < Math.abs(a.load - 1) ? b : a));
  const heavy = points.reduce((a, b) => (b.load > a.load ? b : a));
  const serveMs = full.used.cpuMs / full.served;
  const rejectMs = Math.max(0, heavy.used.cpuMs - heavy.served * serveMs) / Math.max(1, heavy.rejected);
  return { serveMs, rejectMs };
}

/**
 * The share of its capacity that a server can serve at `load` at these costs: of each second of CPU, what rejecting the
 * others leaves over.
 */
export function permittedShare({ serveMs, rejectMs }: Costs, capacity: number, load: number): number {
  const served = (1000 - load * capacity * rejectMs) / (serveMs - rejectMs);
  return Math.max(0, Math.min(1, load, served / capacity));
}

/** Milliseconds of CPU that a server which rejects everybody spends on each. */
export function rejectionMs({ used, rejected }: Point): number {
  return used.cpuMs / Math.max(1, rejected);
}
