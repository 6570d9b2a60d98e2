import type { Authority, Unreadable } from '../findings.js';

export type FileReading =
  | {
      readonly kind: 'read';
      readonly text: string;
      /** Root read it for somebody else, and its owner is not root: what it names is not to be read with root's rights. */
      readonly isOthers: boolean;
    }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly why: Unreadable };

/** The files of this machine, read with the rights of whoever names them, each of bounded size. */
export interface SurveyFiles {
  read(path: string, authority: Authority): Promise<FileReading>;
  /** With the rights that this process has, and no more: root is not asked for what may have nothing to do with us. */
  peek(path: string): Promise<FileReading>;
  /** Names in a directory that anybody may list; empty where there is none. */
  list(directory: string): readonly string[];
  /** Whether the service user is kept from using a file or a socket; one that is not there is kept from nobody. */
  isForbidden(path: string): Promise<boolean>;
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
  /** It has a pid of its own where it is, other than the one that is seen from here. */
  readonly isNested: boolean;
  /** The text of /proc/PID/cgroup. */
  readonly cgroup: string;
}

/** What the service user may do, who need not be who runs the old connector. */
export interface UserRights {
  readonly canRead: (path: string) => Promise<boolean>;
  /** Not to be used by them, though it is there. */
  readonly isForbidden: (path: string) => Promise<boolean>;
}
