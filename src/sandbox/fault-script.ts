/** When a scripted fault strikes; what it does is the rule's own. */
export interface FaultTiming {
  /** Lets so many matching cases through first. */
  readonly after?: number | undefined;
  /** For so many cases; until it is removed unless given. */
  readonly times?: number | undefined;
}

export type ActiveFault<Rule> = Rule & {
  readonly id: string;
  /** How many cases it has met. */
  readonly hits: number;
};

interface Entry<Rule> {
  readonly id: string;
  readonly rule: Rule;
  seen: number;
  hits: number;
}

/** What can be said of every script, whatever its rules do. */
export interface FaultRegister {
  /** How many cases that fault has met; undefined where there is none of that id. */
  hitsOf(id: string): number | undefined;
  /** One, or all where no id is given. True if there was one. */
  remove(id?: string): boolean;
}

/** Scripted faults of one kind of thing, in the order in which they were added. */
export class FaultScript<Rule extends FaultTiming> implements FaultRegister {
  #entries: Entry<Rule>[] = [];
  #lastId = 0;
  readonly #name: string;

  /** `name` begins the ids. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Returns the id by which it can be removed. */
  add(rule: Rule): string {
    this.#lastId += 1;
    const id = `${this.#name}-${this.#lastId}`;
    this.#entries.push({ id, rule, seen: 0, hits: 0 });
    return id;
  }

  /** The first rule that fits this case and has any left; counted as met. */
  take(fits: (rule: Rule) => boolean): Rule | undefined {
    for (const entry of this.#entries) {
      if (entry.hits >= (entry.rule.times ?? Infinity) || !fits(entry.rule)) continue;
      entry.seen += 1;
      if (entry.seen <= (entry.rule.after ?? 0)) continue;
      entry.hits += 1;
      return entry.rule;
    }
    return undefined;
  }

  list(): readonly ActiveFault<Rule>[] {
    return this.#entries.map(({ id, rule, hits }) => ({ ...rule, id, hits }));
  }

  hitsOf(id: string): number | undefined {
    return this.#entries.find((entry) => entry.id === id)?.hits;
  }

  remove(id?: string): boolean {
    const before = this.#entries.length;
    this.#entries = this.#entries.filter((entry) => id !== undefined && entry.id !== id);
    return this.#entries.length < before;
  }
}
