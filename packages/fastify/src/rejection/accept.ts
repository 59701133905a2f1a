const PROBLEM = 'application/problem+json';

/**
 * Whether a client prefers problem details (RFC 9457) to plain JSON: its `Accept` header names `application/problem+json` with at
 * least the quality of `application/json`.
 */
export function prefersProblem(accept: string | undefined): boolean {
  if (accept === undefined || !/problem\+json/i.test(accept)) return false;
  const quality = qualityOf(accept, PROBLEM);
  return quality > 0 && quality >= qualityOf(accept, 'application/json');
}

function qualityOf(accept: string, mediaType: string): number {
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    if (type.toLowerCase() !== mediaType) continue;
    const q = parameters.find((parameter) => /^q=/i.test(parameter));
    return q === undefined ? 1 : Number(q.slice(2)) || 0;
  }
  return 0;
}
