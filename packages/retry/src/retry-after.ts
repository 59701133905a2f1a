// An HTTP date means nothing on a monotonic clock, so the wall clock is read here and nowhere else. Only the distance to the
// date comes from it: the pause runs on the Clock, and no later change of the wall clock affects it.
// biome-ignore lint/style/noRestrictedGlobals: a date of the wall clock has no other source
const WallDate = Date;

/** Milliseconds since 1970 on the wall clock. */
export const wallNow = (): number => WallDate.now();

/** Longer values are malformed: no valid one has as many characters. */
const MAX_LENGTH = 64;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${MONTHS.join('|')})`;
const shortDay = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longDay = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const time = '(?<h>[01]\\d|2[0-3]):(?<m>[0-5]\\d):(?<s>[0-5]\\d|60)';

// The three forms of RFC 9110, section 5.6.7. The last two must no longer be sent, but must be understood.
const FORMS = [
  new RegExp(`^${shortDay}, (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^${longDay}, (?<day>\\d{2})-${month}-(?<shortYear>\\d{2}) ${time} GMT$`),
  new RegExp(`^${shortDay} ${month} (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})$`),
];

/** Returns the last year with these two digits that is at most 50 years ahead. */
function fullYear(twoDigits: number, nowMs: number): number {
  const latest = new WallDate(nowMs).getUTCFullYear() + 50;
  return latest - ((latest - twoDigits) % 100);
}

function parseHttpDate(value: string, nowMs: number): number | undefined {
  const parts = FORMS.map((form) => form.exec(value)?.groups).find((groups) => groups !== undefined);
  if (parts === undefined) return undefined;
  const { year, shortYear, month = '', day, h, m, s } = parts;
  const fully = year === undefined ? fullYear(Number(shortYear), nowMs) : Number(year);
  const midnight = new WallDate(0).setUTCFullYear(fully, MONTHS.indexOf(month), Number(day));
  // A 31 February would become a day of March.
  if (new WallDate(midnight).getUTCDate() !== Number(day)) return undefined;
  return midnight + ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000;
}

/**
 * Parses a `Retry-After` field: whole seconds, or an HTTP date in one of its three forms. Returns the milliseconds (>= 0) from
 * `now` (milliseconds since 1970, default: the wall clock), or undefined for anything else, negative numbers included.
 */
export function parseRetryAfter(value: string, now: () => number = wallNow): number | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const nowMs = now();
  const date = parseHttpDate(value, nowMs);
  return date === undefined ? undefined : Math.max(0, date - nowMs);
}
