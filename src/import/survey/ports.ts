import type { Authority, Unreadable } from '../findings.js';

export type FileReading =
  | { readonly kind: 'read'; readonly text: string; /** Wall clock, ms; unknown where root read it for us. */ readonly changedAtMs: number | undefined }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly why: Unreadable };

/** The files of this machine, read with the rights of whoever names them, each of bounded size. */
export interface SurveyFiles {
  read(path: string, authority: Authority): Promise<FileReading>;
  /** With the rights that this process has, and no more: root is not asked for what may have nothing to do with us. */
  peek(path: string): Promise<FileReading>;
  /** Names in a directory that anybody may list; empty where there is none. */
  list(directory: string): readonly string[];
  /** What a link says; undefined where it is none. */
  readLink(path: string): string | undefined;
}

/** One process, as the survey needs it. */
export interface SurveyProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly argv: readonly string[];
  readonly startTime: string;
  readonly uid: number;
  /** The text of /proc/PID/cgroup. */
  readonly cgroup: string;
  readonly startedAtMs: number | undefined;
}
