import type { ApiProblem } from '../world/refusals.js';

export interface ResultInfo {
  readonly page: number;
  readonly per_page: number;
  readonly count: number;
  readonly total_count: number;
  readonly total_pages: number;
}

export interface Envelope {
  readonly result: unknown;
  readonly success: boolean;
  readonly errors: readonly ApiProblem[];
  readonly messages: readonly string[];
  readonly result_info?: ResultInfo;
}

export const successEnvelope = (result: unknown, resultInfo?: ResultInfo): Envelope => ({
  result, success: true, errors: [], messages: [], ...(resultInfo === undefined ? {} : { result_info: resultInfo }),
});

export const failureEnvelope = (problems: readonly ApiProblem[]): Envelope => ({ result: null, success: false, errors: problems, messages: [] });

export interface PageLimits {
  readonly perPage: number;
  readonly perPageMax: number;
}

/** One page of a list, by the query's `page` (from 1) and `per_page`; numbers out of range are brought into it. */
export function paginate<T>(items: readonly T[], query: URLSearchParams, { perPage, perPageMax }: PageLimits): { readonly items: readonly T[]; readonly info: ResultInfo } {
  const size = Math.min(readNumber(query, 'per_page', perPage), perPageMax);
  const page = readNumber(query, 'page', 1);
  const some = items.slice((page - 1) * size, page * size);
  return {
    items: some,
    info: { page, per_page: size, count: some.length, total_count: items.length, total_pages: Math.ceil(items.length / size) },
  };
}

function readNumber(query: URLSearchParams, name: string, otherwise: number): number {
  const value = Number(query.get(name) ?? otherwise);
  return Number.isInteger(value) && value >= 1 ? value : otherwise;
}
