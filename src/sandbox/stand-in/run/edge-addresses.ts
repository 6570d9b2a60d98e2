import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { messageOf } from '../failure.js';
import type { Logger } from '../log/logger.js';

export interface EdgeAddress {
  readonly host: string;
  readonly port: number;
}

interface Entry {
  readonly address: EdgeAddress;
  usedBy: number | undefined;
}

const ADDRESS = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/u;

async function resolveEntry(text: string): Promise<EdgeAddress> {
  const [, bracketed, plain, port] = ADDRESS.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || port === undefined) throw new Error(`address ${text}: missing port in address`);
  return { host: isIP(host) === 0 ? (await lookup(host)).address : host, port: Number(port) };
}

/** The entries of `--edge`; each serves one connection at a time, so there are no more connections than entries. */
export class EdgeAddresses {
  /** Entries take turns between two halves, and connections are spread evenly over those. */
  readonly #halves: readonly [Entry[], Entry[]] = [[], []];

  constructor(addresses: readonly EdgeAddress[]) {
    for (const [index, address] of addresses.entries()) this.#halves[index % 2 === 0 ? 0 : 1].push({ address, usedBy: undefined });
  }

  /** Leaves out what cannot be resolved, and says so. */
  static async resolve(entries: readonly string[], log: Logger): Promise<EdgeAddresses> {
    const addresses: EdgeAddress[] = [];
    for (const text of entries) {
      try {
        addresses.push(await resolveEntry(text));
      } catch (error) {
        log.error('edge discovery: failed to resolve to TCP address', { event: 0, address: text, error: messageOf(error) });
      }
    }
    return new EdgeAddresses(addresses);
  }

  get available(): number {
    return this.#halves.flat().filter((entry) => entry.usedBy === undefined).length;
  }

  /** The one that this connection has, else a free one; undefined where there is none. */
  take(connIndex: number): EdgeAddress | undefined {
    return (this.#usedBy(connIndex) ?? this.#assign(connIndex, undefined))?.address;
  }

  /** Gives back the one that failed, and takes another; false where there is no other. */
  replace(connIndex: number): boolean {
    const failed = this.#usedBy(connIndex);
    if (failed !== undefined) failed.usedBy = undefined;
    return this.#assign(connIndex, failed) !== undefined;
  }

  #usedBy(connIndex: number): Entry | undefined {
    return this.#halves.flat().find((entry) => entry.usedBy === connIndex);
  }

  #assign(connIndex: number, except: Entry | undefined): Entry | undefined {
    const free = this.#halves.map((half) => half.filter((entry) => entry.usedBy === undefined));
    const [first = [], second = []] = free;
    const isFirst = first.length === second.length ? Math.random() < 0.5 : first.length > second.length;
    const candidates = (isFirst ? [first, second] : [second, first]).map((half) => half.filter((entry) => entry !== except)).find((half) => half.length > 0) ?? [];
    const chosen = candidates[Math.floor(Math.random() * candidates.length)];
    if (chosen !== undefined) chosen.usedBy = connIndex;
    return chosen;
  }
}
