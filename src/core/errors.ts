/**
 * The one table of errors. Every failure that leaves this program carries one of these codes; the README's
 * table is generated from here and a test proves the two equal. `meaning` and `hint` are for people.
 */

/** What the command line exits with. 0 is done. */
export type ExitCode = 1 | 2 | 3 | 4 | 5 | 130;

/**
 * What a daemon exits with that left its connectors to the next one: so that whoever keeps it starts it again, and does
 * not take it for stopped.
 */
export const HANDED_OVER = 75;

export interface ErrorSpec {
  /** What happened, in general words; a concrete message names the thing it happened to. */
  readonly meaning: string;
  /** What a person does next. */
  readonly hint: string;
  readonly exit: ExitCode;
  /** HTTP status on the control socket. */
  readonly http: number;
}

const input = (meaning: string, hint: string, http = 400): ErrorSpec => ({ meaning, hint, exit: 2, http });
const failed = (meaning: string, hint: string, http = 500): ErrorSpec => ({ meaning, hint, exit: 1, http });
const person = (meaning: string, hint: string, http = 409): ErrorSpec => ({ meaning, hint, exit: 4, http });
const conflict = (meaning: string, hint: string, http = 409): ErrorSpec => ({ meaning, hint, exit: 5, http });

export const ERRORS = {
  // Input
  REQUEST_INVALID: input('The request is not what this call takes.', 'Correct the fields named under problems.'),
  REQUEST_TOO_LARGE: input('The request body is larger than is read.', 'Send a smaller request.', 413),
  REQUEST_FORBIDDEN: input('The request comes from a web page or names a foreign host.', 'Speak to the socket directly, without Origin, Referer or a foreign Host.', 403),
  RESOURCE_UNKNOWN: input('There is no such call on the control socket.', 'See the README, "Control API".', 404),
  METHOD_UNKNOWN: input('The call exists, but not with this method.', 'See the README, "Control API".', 405),
  OPTION_INVALID: input('An option has a value that it cannot have.', 'See --help of the command.'),
  FORWARDING_INVALID: input('One or more forwarding rules are wrong; nothing was changed.', 'Correct every rule named under problems and send them again.', 422),
  RULE_UNKNOWN: input('There is no rule with this name and path.', 'List the rules with `forward list`.', 404),
  RULE_EXISTS: conflict('There is a rule with this name and path already.', 'Send it without "replace": false to lead it elsewhere, or remove it first.'),
  REVISION_UNKNOWN: input('There is no such revision.', 'Ten revisions are kept; `status` names the current one.', 404),
  REVISION_CHANGED: conflict('The rules changed since they were read.', 'Read them again and repeat the change.', 412),
  PATH_TOO_LONG: input('The socket path is longer than the 107 bytes that a unix socket name can have.', 'Name a shorter one with --socket.'),
  IDENTITY_UNKNOWN: input('This user has no entry in the passwd database, so its home is not known.', 'Give both --base-dir and --state-dir, or run as a user with a passwd entry.'),
  IDENTITY_FORBIDDEN: person('Only root can work for another user.', 'Run the command as that user, or as root with --user.', 403),

  // Daemon
  DAEMON_UNREACHABLE: { meaning: 'No daemon serves this base directory.', hint: 'Start it with `cloudflared-supervisor up`.', exit: 3, http: 503 },
  DAEMON_STOPPING: { meaning: 'The daemon is stopping.', hint: 'Start it again with `cloudflared-supervisor up`.', exit: 3, http: 503 },
  DAEMON_BUSY: failed('The daemon serves as many clients or changes as it can.', 'Try again in a moment.', 503),
  LOCK_HELD: conflict('Another supervisor holds this base directory.', 'Use that one, or stop it first; the message says who it is.'),
  REQUEST_TIMED_OUT: failed('The client was too slow to send its request.', 'Send the request at once.', 408),
  INTERRUPTED: { meaning: 'The operation was cancelled.', hint: 'Start it again when you want it.', exit: 130, http: 409 },
  PROGRAM_REPLACED: failed('A part of this program is not there any more: the package was upgraded or removed while it ran.', 'Run `cloudflared-supervisor up --restart`: the installed version takes over.', 503),
  INTERNAL_FAULT: failed('Something failed that this program does not know.', 'Look into the log (`logs`), and report it.'),

  // Files
  DOCUMENT_CORRUPT: failed('A file of ours cannot be read as what it should be.', 'The last good copy is used; the corrupt file stands beside it.'),
  DOCUMENT_NEWER: failed('A file was written by a newer version of this program.', 'Upgrade this program.'),
  DISK_FULL: failed('The disk, or its inodes, are used up.', 'Free space; what ran goes on running.', 507),
  STORAGE_READONLY: failed('The file system is read-only.', 'Make it writable; what ran goes on running.'),
  STORAGE_FORBIDDEN: person('A file or directory cannot be read or written by this user.', 'Give the service user the rights that the message names.', 403),
  STORAGE_FAILED: failed('A file could not be read or written.', 'Look at the cause in the message; what ran goes on running.'),
  DESCRIPTORS_EXHAUSTED: failed('The process or the system has no file descriptors left.', 'Raise the limit (`ulimit -n`).', 503),

  // Rights: what runPrivileged (host/privileged.ts) can find in its way.
  PRIVILEGE_PROGRAM_MISSING: person('This step needs root, and there is neither sudo nor doas.', 'Run this command as root with --user and the name of this user, or install sudo and allow them the command that the message names.', 403),
  PRIVILEGE_PASSWORD_REQUIRED: person('This step needs root, and this user may not do it without a password.', 'Run this whole command by sudo, which is for you all the same, or allow the command that the message names with NOPASSWD in /etc/sudoers.d.', 403),
  PRIVILEGE_NO_NEW_PRIVILEGES: person('This step needs root, and this process can never get more rights (no-new-privileges).', 'Run the command from a shell, or take NoNewPrivileges and what implies it out of the unit or the container.', 403),
  PRIVILEGE_TTY_REQUIRED: person('sudo demands a terminal (requiretty).', 'Take requiretty away for this user (`Defaults:USER !requiretty`), or run the command as root.', 403),
  PRIVILEGE_NOSUID: person('sudo is on a file system mounted with nosuid, or lost its setuid bit, so it cannot become root.', 'Run the command as root, or mount the file system without nosuid.', 403),
  PRIVILEGE_USER_UNKNOWN: person('sudo knows no user with this uid: it has no entry in the passwd database.', 'Run the command as root, or give the uid a passwd entry.', 403),
  PRIVILEGED_COMMAND_FAILED: failed('A command that ran as root failed.', 'Look at the message of the command.'),
  PRIVILEGED_COMMAND_TIMED_OUT: failed('A command that ran as root did not end in time.', 'Look whether it still runs; try again.', 504),

  // Portacode
  CONTAINER_NOT_TOLD: failed('A container could not be told what of it is published; nothing was changed.', 'Start the container, look at the message of `pct`, and try again.', 502),

  // Our own unit
  SERVICE_UNSUPPORTED: person('This machine has no init system that could keep a service of ours.', 'See the README, "As a service": `up`, `run` in the foreground, the container entry point, or cron.', 424),
  SERVICE_MISSING: person('No unit of ours is installed for this base directory.', 'Install it with `cloudflared-supervisor service install`.', 404),
  SERVICE_FOREIGN: conflict('There is a unit of our name that is not ours to change.', 'Remove it first, or use --scope user.'),
  SERVICE_FAILED: failed('The init system did not do what it was told.', 'Look at the message, and into the log of the unit.'),

  // Setup
  SETUP_REQUIRED: person('No domain is connected yet.', 'Run `cloudflared-supervisor setup`.'),
  SETUP_IN_PROGRESS: conflict('A setup with other parameters is under way.', 'Wait for it, or cancel it with `setup cancel`.'),
  SETUP_CANCELLED: failed('The setup was cancelled; what served before serves on.', 'Start it again with `setup`.', 409),
  LOGIN_TIMED_OUT: person('Nobody authorised the login before the deadline; what served before serves on.', 'Run setup again and open the URL in a browser.', 408),
  LOGIN_FAILED: person('The login did not give a certificate; what served before serves on.', 'Run setup again; the message holds the reason.', 502),
  ORIGIN_CERT_INVALID: input('The file is not an origin certificate of Cloudflare.', 'Give the cert.pem that `cloudflared tunnel login` wrote.', 422),
  ORIGIN_CERT_REFUSED: person('Cloudflare does not accept the token of the certificate.', 'Run `setup` to log in again.', 502),
  ZONE_FORBIDDEN: person('The certificate does not let us read its zone.', 'Run `setup` to log in again, and choose the zone.', 502),
  TUNNEL_IN_USE: conflict('A tunnel of this name has connectors that are not ours.', 'Choose another --name, or join it with --join.'),
  TUNNEL_UNKNOWN: input('There is no tunnel here that could be taken over, or none of this name or id.', 'See what `import` finds; `setup` connects a domain anew.', 404),
  TUNNEL_AMBIGUOUS: conflict('There are several tunnels here that could be taken over.', 'Name one with --tunnel.'),
  TUNNEL_REMOTE: person('The rules of this tunnel are managed at Cloudflare, so that a connector here has no say in them.', 'Connect the domain with `setup`, publish the names with `forward add --takeover`, and then stop the old connector.'),
  TUNNEL_CONNECTED: conflict('This machine is connected through another tunnel already.', 'Take that one off with `disconnect` first, or add its names with `forward add`.'),
  IMPORT_INCOMPLETE: conflict('Not everything that the tunnel serves can be served here; nothing was changed.', 'Put right what the problems name, or leave rules out with --skip: requests for them that reach our connector get 404.'),
  TUNNEL_FAILED: failed('The tunnel could not be created or read.', 'Look at the message; run `setup` again.', 502),

  // Cloudflare
  CLOUDFLARE_UNREACHABLE: failed('Cloudflare cannot be reached.', 'Check the network and the proxy variables, and try again.', 502),
  CLOUDFLARE_REFUSED: failed('Cloudflare refused the request.', 'Look at the message of Cloudflare.', 502),
  CLOUDFLARE_UNEXPECTED: failed('Cloudflare answered with something that cannot be read.', 'Check that --api-url is right and that no proxy answers in its place.', 502),
  CLOUDFLARE_THROTTLED: failed('Cloudflare allows no more requests now.', 'Wait some minutes, and try again.', 502),
  DNS_FORBIDDEN: person('The certificate does not let us edit DNS records.', 'Run `setup` to log in again, as somebody who may edit DNS records of the zone; or, where the certificate may read them, create the records by hand.', 502),
  DNS_CONFLICT: conflict('A DNS record that is not ours has this name.', 'Remove the record, choose another name, or replace it with --takeover.'),
  DNS_MISROUTED: failed('Cloudflare routed another name than was asked.', 'Remove the record that the message names, and check the zone.', 502),
  DNS_FAILED: failed('A DNS record could not be changed; the change was rolled back.', 'Look at the message; try again.', 502),

  // Devices
  PROXMOX_NOT_CONFIGURED: person('Proxmox infrastructure is not configured.', 'Set it up in Portacode, which writes proxmox_infra.json into its state directory.', 424),
  PROXMOX_UNREACHABLE: failed('Proxmox does not answer, or its certificate is not trusted.', 'Look at the message; last known addresses are used meanwhile.', 502),
  PROXMOX_REFUSED: person('Proxmox does not accept the token, or the token may not read this.', 'Check token and rights in proxmox_infra.json and in Proxmox.', 502),
  PROXMOX_UNEXPECTED: failed('Proxmox answered with something that cannot be read.', 'Check host, node and port in proxmox_infra.json.', 502),
  DEVICE_UNKNOWN: input('No container has this device id.', 'Check the id; Portacode writes it into the description of the container.', 404),
  DEVICE_AMBIGUOUS: conflict('Several containers have this device id.', 'Take the id out of the description of all but one.'),

  // Releases: what is downloaded, from where, and what becomes of it.
  RELEASE_UNKNOWN: input('There is no such release of cloudflared for this machine.', 'Look for the version among its releases; without --version the newest is taken.', 404),
  RELEASE_UNREACHABLE: failed('The place that cloudflared is downloaded from cannot be reached.', 'Check the network and the proxy variables; or name a mirror with --mirror, or a file with --from.', 502),
  RELEASE_REFUSED: failed('The place that cloudflared is downloaded from refuses the request.', 'Look at the message; try again later, or name a mirror with --mirror, or a file with --from.', 502),
  RELEASE_UNEXPECTED: failed('What is said about the release cannot be read.', 'Check --mirror, and that no proxy or login page answers in its place.', 502),
  RELEASE_MISMATCH: failed('The program says that it is another version than the release; it was thrown away.', 'Check --version, and what the mirror has under it.', 502),
  CHECKSUM_MISSING: failed('Nobody says which SHA-256 the download should have, so it was thrown away.', 'Give what its publisher says with --sha256.', 422),
  CHECKSUM_MISMATCH: failed('The SHA-256 of the download is not the one that was published; it was thrown away.', 'Try again; if it stays so, what you download is not what was published.', 502),
  DOWNLOAD_INCOMPLETE: failed('The download was cut off.', 'Check the network and try again.', 502),
  DOWNLOAD_TOO_LARGE: failed('The download is larger than any cloudflared; it was thrown away.', 'Check --from and --mirror.', 502),
  DOWNLOAD_NOT_PROGRAM: failed('A web page, or something else that is no program, came in place of cloudflared.', 'Check --from and --mirror, and whether a proxy or a login page of the network answers in its place.', 502),
  PLATFORM_UNSUPPORTED: failed('There is no release of cloudflared that we know for this system.', 'Bring a cloudflared by hand: --from FILE, or --cloudflared FILE.', 501),
  PACKAGE_MANAGER_MISSING: failed('None of the package managers that we know is on this machine.', 'Install the packages that the message names by hand.', 501),
  UPGRADE_REVERTED: failed('The new cloudflared did not serve, so the one before was put back and serves on.', 'The message says why; `logs` may say more.', 502),
  UPGRADE_IN_PROGRESS: conflict('An upgrade to another version is under way.', 'Wait for it.'),
  BINARY_WRONG_CPU: failed('The program is for another CPU or operating system; it was thrown away.', 'Name the file for this machine with --from, or leave --from out.', 422),
  BINARY_NOT_EXECUTABLE: person('No program can be run from the directory in which cloudflared would be put.', 'It is mounted with noexec, or a policy forbids it: name another --base-dir, or use `install --to system`.', 403),
  BINARY_NOT_OURS: person('The cloudflared in use was named with --cloudflared, so it is not ours to replace.', 'Replace that file and run `upgrade` without --version, which takes it up; or leave --cloudflared out.'),

  // Connector: the failure table of connector/failures.ts uses these codes.
  BINARY_MISSING: person('There is no cloudflared.', 'Run `cloudflared-supervisor install`, or name one with --cloudflared.', 424),
  BINARY_UNUSABLE: person('The cloudflared that was found does not run.', 'Run `cloudflared-supervisor install`, or name another with --cloudflared.', 424),
  BINARY_TOO_OLD: person('The cloudflared that was found is too old.', 'Run `cloudflared-supervisor upgrade`.', 424),
  CONFIG_REFUSED: failed('cloudflared refused the configuration.', 'Look at the message of cloudflared; the previous configuration stays.', 422),
  CREDENTIALS_MISSING: failed('The credentials file of the tunnel is missing or cannot be read.', 'It is fetched again; if that fails, run `setup`.'),
  CREDENTIALS_REFUSED: person('The edge does not accept the credentials of the tunnel.', 'Run `setup` to fetch them again.', 502),
  TUNNEL_DELETED: person('The tunnel does not exist any more.', 'Run `setup` to create one; the rules are kept.', 410),
  EDGE_UNREACHABLE: failed('No server of Cloudflare\'s edge can be reached.', 'Check the network: TCP port 7844 must be open outward.', 502),
  EDGE_REFUSED: failed('The edge refused the connector.', 'Look at the message of the edge; it is tried again.', 502),
  RESOLVER_DEAD: failed('The resolver of this machine does not answer.', 'Check /etc/resolv.conf.', 502),
  METRICS_PORT_TAKEN: failed('The metrics port of the connector is taken.', 'Another port is chosen by itself.'),
  MEMORY_EXHAUSTED: failed('The kernel killed the connector for memory.', 'Give the machine more memory, or use --replace=restart.'),
  CONNECTOR_CRASHED: failed('The connector ended by itself.', 'It is started again; look into `logs`.'),
  CONNECTOR_NOT_READY: failed('The connector did not get ready in time.', 'Check the network; look into `logs`.', 504),
  CONNECTOR_LOST: failed('The connector lost all its connections.', 'The network is up: it connects again by itself, after a pause, or is replaced.', 502),
  CONNECTOR_STUCK: failed('The connector did not end within its stop timeout and was killed.', 'Requests longer than the grace period were cut off.'),
  CONNECTOR_MISMATCH: failed('The connector runs other rules than it was given.', 'Report it; the previous configuration stays.'),
  PROCESS_LIMIT: failed('No further process can be started.', 'Raise the limit (`ulimit -u`, pids of the container).', 503),
  ROLLBACK_FAILED: failed('A change failed, and undoing it failed too.', 'Look at both messages; the next start tries the undo again.'),

  // What `doctor` finds besides.
  NODE_TOO_OLD: failed('This Node is too old.', 'Install Node 20.19 or newer, and start the daemon with it.'),
  CLOCK_WRONG: failed('The clock of this machine is wrong, so certificates may not be taken for valid.', 'Set the clock (`timedatectl set-ntp true`, or chrony, or ntpd).'),
  DISK_SHORT: failed('There is little space, or few inodes, left where everything is kept.', 'Free space: logs need 50 MB, and another cloudflared 40 MB.'),
  MEMORY_SHORT: failed('Memory does not hold two connectors, so a change would stop the old one first and lose requests.', 'Give the machine or the container more memory, or accept it with --replace=restart.'),
  FILES_FOREIGN: person('Files that are not the service user\'s are where everything is kept.', 'Give them back with `chown`; the message names them.', 403),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with one field of the input. `rule` counts from 0; both are absent for the whole. */
export interface Problem {
  readonly rule?: number;
  readonly field?: string;
  /** Stable, NOUN_PROBLEM. */
  readonly code: string;
  readonly message: string;
}

/** What clients see of an error. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly problems: readonly Problem[];
}

export interface ErrorDetails {
  readonly hint?: string;
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** A failure that is part of the product: code, message (what happened, to what), hint (what to do), cause. */
export class SupervisorError extends Error {
  override readonly name = 'SupervisorError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? ERRORS[code].hint;
    this.problems = details.problems ?? [];
  }

  toBody(): ErrorBody {
    return { code: this.code, message: this.message, hint: this.hint, problems: this.problems };
  }
}

/**
 * Any thrown thing as one of ours; what we do not know becomes INTERNAL_FAULT with its message. Parts are loaded when
 * they are needed, so one that is not there was there when the program started.
 */
export function toSupervisorError(thrown: unknown): SupervisorError {
  if (thrown instanceof SupervisorError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const isPartMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_MODULE_NOT_FOUND';
  return new SupervisorError(isPartMissing ? 'PROGRAM_REPLACED' : 'INTERNAL_FAULT', message, { cause: thrown });
}
