import type { Point } from './point.ts';

/** What one request costs a server, in milliseconds of CPU. */
export interface Costs {
  readonly serveMs: number;
  readonly refuseMs: number;
}

/**
 * From the points of one server: serving as the CPU over the requests served at the load next to its capacity; refusing as
 * what is left of the CPU at the heaviest load when those it served are taken off.
 */
export function costsOf(points: readonly Point[]): Costs {
  const full = points.reduce((a, b) => (Math.abs(b.load - 1) < Math.abs(a.load - 1) ? b : a));
  const heavy = points.reduce((a, b) => (b.load > a.load ? b : a));
  const serveMs = full.used.cpuMs / full.served;
  const refuseMs = Math.max(0, heavy.used.cpuMs - heavy.served * serveMs) / Math.max(1, heavy.refused);
  return { serveMs, refuseMs };
}

/**
 * The share of its capacity that a server can serve at `load` at these costs: of each second of CPU, what refusing the
 * others leaves over.
 */
export function permittedShare({ serveMs, refuseMs }: Costs, capacity: number, load: number): number {
  const served = (1000 - load * capacity * refuseMs) / (serveMs - refuseMs);
  return Math.max(0, Math.min(1, load, served / capacity));
}

/** Milliseconds of CPU that a server which refuses everybody spends on each. */
export function refusalMs({ used, refused }: Point): number {
  return used.cpuMs / Math.max(1, refused);
}
