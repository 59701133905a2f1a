import { checkInteger, checkNonNegative, checkOneOf, checkOptions, optionNames } from '@bp/core/kit';

/** The state of a breaker that survives a restart; its times mean the same to any clock. */
export interface CircuitSnapshot {
  readonly state: 'CLOSED' | 'OPEN';
  /** Milliseconds for which it would have stayed open; 0 if it is closed. */
  readonly openForMs: number;
  /** How often it has opened since it was last closed. */
  readonly openings: number;
}

const SNAPSHOT_FIELDS = /* @__PURE__ */ optionNames<CircuitSnapshot>({
  state: true,
  openForMs: true,
  openings: true,
});

/** Returns `snapshot` if it is one. @throws TypeError or RangeError naming the field that is wrong. */
export function checkSnapshot(snapshot: CircuitSnapshot): CircuitSnapshot {
  const { state, openForMs, openings } = checkOptions(snapshot, SNAPSHOT_FIELDS, 'snapshot');
  checkOneOf('snapshot.state', state, ['CLOSED', 'OPEN']);
  checkNonNegative('snapshot.openForMs', openForMs);
  checkInteger('snapshot.openings', openings, 0);
  return snapshot;
}
