import { domainToASCII } from 'node:url';

import { newHexId } from './ids.js';

export interface Account {
  readonly id: string;
  readonly name: string;
}

export interface Zone {
  readonly id: string;
  /** Lower case, ASCII. */
  readonly name: string;
  readonly account: Account;
  readonly createdAt: number;
}

/** What a sandbox starts with: the domains of each account. */
export interface AccountSetup {
  readonly name: string;
  readonly zones: readonly string[];
}

/** The accounts and their zones. They do not change while a sandbox runs. */
export class Zones {
  readonly #zones: readonly Zone[];

  constructor(accounts: readonly AccountSetup[], now: () => number) {
    this.#zones = accounts.flatMap(({ name, zones }) => {
      const account = { id: newHexId(), name };
      return zones.map((zone) => ({ id: newHexId(), name: toZoneName(zone), account, createdAt: now() }));
    });
    const names = this.#zones.map((zone) => zone.name);
    if (names.length === 0) throw new TypeError('A sandbox needs at least one zone.');
    if (new Set(names).size !== names.length) throw new TypeError('A zone can be in one account only.');
  }

  all(): readonly Zone[] {
    return this.#zones;
  }

  get(id: string): Zone | undefined {
    return this.#zones.find((zone) => zone.id === id);
  }

  /** By name or id, as people say it; without either the first one. */
  find(nameOrId?: string): Zone | undefined {
    if (nameOrId === undefined) return this.#zones[0];
    const name = domainToASCII(nameOrId);
    return this.#zones.find((zone) => zone.id === nameOrId || zone.name === name);
  }
}

function toZoneName(name: string): string {
  const ascii = domainToASCII(name);
  if (!/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}$/u.test(ascii)) {
    throw new TypeError(`"${name}" cannot be the name of a zone.`);
  }
  return ascii;
}
