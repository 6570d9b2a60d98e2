import type { z } from 'zod';
import type { ApiRequest, Sender } from './send.js';

export interface PagedRequest<T extends z.ZodType> {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly perPage: number;
  readonly schema: T;
  readonly doing: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** 1 where Cloudflare does not say. */
  readonly totalPages: number;
}

export async function readPage<T extends z.ZodType>(sender: Sender, request: PagedRequest<T>, page: number, signal: AbortSignal): Promise<Page<z.infer<T>>> {
  const query = new URLSearchParams({ ...request.query, per_page: String(request.perPage), page: String(page) });
  const call: ApiRequest = { method: 'GET', path: `${request.path}?${query.toString()}`, doing: request.doing };
  const envelope = await sender.send(call, signal);
  const { z } = await import('zod');
  const items = await sender.read(z.array(request.schema).nullish().transform((list) => list ?? []), envelope.result, request.doing);
  const info = envelope.result_info;
  // A server may give fewer a page than was asked: what it says counts.
  const perPage = info?.per_page ?? request.perPage;
  const totalPages = info?.total_pages ?? (info?.total_count === undefined || perPage < 1 ? 1 : Math.ceil(info.total_count / perPage));
  return { items, totalPages: Math.max(1, totalPages) };
}

/** Every page, one after another. */
export async function readAllPages<T extends z.ZodType>(sender: Sender, request: PagedRequest<T>, signal: AbortSignal): Promise<readonly z.infer<T>[]> {
  return collectPages((number) => readPage(sender, request, number, signal));
}

export async function collectPages<T>(read: (page: number) => Promise<Page<T>>): Promise<readonly T[]> {
  let page = await read(1);
  const items = [...page.items];
  for (let number = 2; number <= page.totalPages && page.items.length > 0; number += 1) {
    page = await read(number);
    for (const item of page.items) items.push(item);
  }
  return items;
}
