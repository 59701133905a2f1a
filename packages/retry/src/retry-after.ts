// An HTTP date means nothing on a monotonic clock, so here, and nowhere else, the wall clock is asked. Only the distance
// to the date is taken from it; the wait itself is made on the Clock, and no later change of the wall clock reaches it.
// biome-ignore lint/style/noRestrictedGlobals: a date of the wall clock can be told from nothing else
const WallDate = Date;

/** Milliseconds since 1970 on the wall clock. */
export const wallNow = (): number => WallDate.now();

/** Longer values are not looked at: none that is meant has as many characters. */
const MAX_LENGTH = 64;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${MONTHS.join('|')})`;
const shortDay = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const longDay = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const time = '(?<h>[01]\\d|2[0-3]):(?<m>[0-5]\\d):(?<s>[0-5]\\d|60)';

// The three forms of RFC 9110, section 5.6.7; nobody may send the last two any more, but everybody must understand them.
const FORMS = [
  new RegExp(`^${shortDay}, (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^${longDay}, (?<day>\\d{2})-${month}-(?<shortYear>\\d{2}) ${time} GMT$`),
  new RegExp(`^${shortDay} ${month} (?<day>\\d{2}| \\d) ${time} (?<year>\\d{4})$`),
];

/** Two digits are the last year that ends so and is not more than 50 years ahead. */
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
  // 31 February would be taken for some day of March.
  if (new WallDate(midnight).getUTCDate() !== Number(day)) return undefined;
  return midnight + ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000;
}

/**
 * How many milliseconds (>= 0) a `Retry-After` field asks to wait: whole seconds, or an HTTP date in one of its three
 * forms, as seen from `now` (milliseconds since 1970, default: the wall clock). Undefined for anything else, negative
 * numbers included: whoever wants no retry at all may say so that way.
 */
export function parseRetryAfter(value: string, now: () => number = wallNow): number | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const nowMs = now();
  const date = parseHttpDate(value, nowMs);
  return date === undefined ? undefined : Math.max(0, date - nowMs);
}
