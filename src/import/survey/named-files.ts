import { isAbsolute, join } from 'node:path';
import type { Unreadable } from '../findings.js';
import type { Place } from './default-directories.js';
import type { FileReading, SurveyFiles } from './ports.js';

/** How a program that runs reads paths. */
export interface PathContext {
  /** What `~` is; undefined where it is not known. */
  readonly home: string | undefined;
  /** What relative paths count from. */
  readonly directory: string | undefined;
  /** It is in a container, and so is what it names: the file of that name out here is another one. */
  readonly isInside: boolean;
}

type Read = Extract<FileReading, { readonly kind: 'read' }> & { readonly path: string };

/** What one command line and its configuration name, read; and what of it could not be, each once. */
export class NamedFiles {
  readonly #context: PathContext;
  readonly #files: SurveyFiles;
  readonly #unreadable: Unreadable[];

  constructor(context: PathContext, files: SurveyFiles, known: readonly Unreadable[]) {
    this.#context = context;
    this.#files = files;
    this.#unreadable = [...known];
  }

  get unreadable(): readonly Unreadable[] {
    return this.#unreadable;
  }

  note(one: Unreadable): void {
    if (!this.#unreadable.some((known) => known.path === one.path)) this.#unreadable.push(one);
  }

  /** Undefined, and noted, where nobody knows what the path counts from. */
  absolute(path: string): string | undefined {
    const { home, directory } = this.#context;
    const expanded = path.startsWith('~/') && home !== undefined ? join(home, path.slice(2)) : path;
    if (isAbsolute(expanded)) return expanded;
    if (directory !== undefined) return join(directory, expanded);
    this.note({ path, code: 'STORAGE_FAILED', message: `${path} is relative, and the directory that it counts from cannot be seen`, hint: 'Run this as root.' });
    return undefined;
  }

  /** A file that is named, and so has to be there. */
  async need(place: Place): Promise<Read | undefined> {
    const reading = await this.#read(place);
    if (reading.kind === 'absent') this.note(this.#missing(place.path));
    if (reading.kind === 'refused') this.note(reading.why);
    return reading.kind === 'read' ? { ...reading, path: place.path } : undefined;
  }

  /** The first of these that is there; one that is there and cannot be read is noted, and none after it counts. */
  async first(places: readonly Place[]): Promise<Read | undefined> {
    for (const place of places) {
      const reading = await this.#read(place);
      if (reading.kind === 'refused') this.note(reading.why);
      if (reading.kind === 'absent') continue;
      return reading.kind === 'read' ? { ...reading, path: place.path } : undefined;
    }
    return undefined;
  }

  async #read({ path, authority }: Place): Promise<FileReading> {
    return this.#context.isInside ? { kind: 'absent' } : await this.#files.read(path, authority);
  }

  #missing(path: string): Unreadable {
    if (this.#context.isInside) return { path, code: 'STORAGE_FORBIDDEN', message: `${path} is in the container that it runs in`, hint: 'Copy configuration and credentials out of the container into ~/.cloudflared, and run this again.' };
    return { path, code: 'STORAGE_FAILED', message: `${path} is not there`, hint: 'cloudflared would not start without it.' };
  }
}
