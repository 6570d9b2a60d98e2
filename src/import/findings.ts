import type { ErrorCode } from '../core/errors.js';
import type { ForwardingRule } from '../core/rule.js';
import type { Secret } from '../core/secret.js';
import type { OriginCert, TunnelCredentials } from '../core/tunnel.js';
import type { ConfigFile } from './parse/config-file.js';

/** What a survey finds, as values: from here on nothing is read any more. */

/**
 * With whose rights the files are read that something names: what root's own units and configurations name, with
 * root's; everything else with the service user's alone, or a user could have root read any file for them.
 */
export type Authority = 'root' | 'user';

export type ServiceInit = 'systemd' | 'systemd-user' | 'openrc' | 'sysv';

export interface Companion {
  readonly name: string;
  /** Started at boot. */
  readonly enabled: boolean;
}

export interface ServiceOrigin {
  readonly kind: 'service';
  readonly init: ServiceInit;
  /** As the init system calls it: `cloudflared.service`, `cloudflared`. */
  readonly name: string;
  readonly file: string;
  /** What starts it at boot: links of systemd and SysV, runlevels of OpenRC. Empty: nothing does. */
  readonly enabledBy: readonly string[];
  /** Units that would start it again: the timer of its updates. */
  readonly companions: readonly Companion[];
}

export interface ProcessOrigin {
  readonly kind: 'process';
  readonly pid: number;
  readonly startTime: string;
  readonly uid: number;
  readonly user: string;
  /** The service that it is the program of; undefined where nobody is known to start it again. */
  readonly service: ServiceOrigin | undefined;
  /** The unit of systemd that it is in, its own or another program's. */
  readonly unit: string | undefined;
  /** The program that started it. */
  readonly parent: string | undefined;
  /** It runs in a container, and what it names is in there. */
  readonly inContainer: boolean;
  /** For people, without secrets. */
  readonly commandLine: string;
}

export interface PortacodeOrigin {
  readonly kind: 'portacode';
  readonly file: string;
  readonly tunnelName: string | undefined;
  readonly domain: string | undefined;
  readonly rules: readonly ForwardingRule[];
  /** What each device's address was when it was published. */
  readonly addresses: ReadonlyMap<string, string>;
}

export interface FilesOrigin {
  readonly kind: 'files';
  readonly file: string;
}

export type Origin = ServiceOrigin | ProcessOrigin | PortacodeOrigin | FilesOrigin;

export interface Found<T> {
  readonly value: T;
  /** The file, or words for where else it stands. */
  readonly from: string;
}

export interface FoundCertificate {
  readonly pem: Secret;
  readonly certificate: OriginCert;
}

export interface FoundConfig extends Found<ConfigFile> {
  /** Read by root for somebody else, and not root's own: what it names is read with that user's rights alone. */
  readonly isOthers: boolean;
}

/** What a running connector says of itself on its metrics address. */
export interface LiveConnector {
  readonly connectorId: string | undefined;
  /** −1: its rules come from its own files; else Cloudflare's number of those that it was sent. */
  readonly configVersion: number | undefined;
  /** `config.ingress` as shown. */
  readonly ingress: unknown;
}

/** Something that could not be read, and why. */
export interface Unreadable {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** One way in which a tunnel is run, or was meant to be. */
export interface Finding {
  readonly origin: Origin;
  readonly quickTunnel: boolean;
  /** Lower case. */
  readonly tunnelId: string | undefined;
  readonly tunnelName: string | undefined;
  readonly credentials: Found<TunnelCredentials> | undefined;
  /** Best first. */
  readonly certificates: readonly Found<FoundCertificate>[];
  readonly config: FoundConfig | undefined;
  /** Flags, variables and settings, the stronger ones over the others; without secrets. */
  readonly settings: ReadonlyMap<string, string>;
  readonly live: LiveConnector | undefined;
  readonly unreadable: readonly Unreadable[];
}
