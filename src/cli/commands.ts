import type { CommandSpec, OptionSpec } from './command.js';

const TAKEOVER: OptionSpec = { flags: '--takeover', describe: 'replace DNS records that are not ours; removing the rule gives them back' };
const DRY_RUN: OptionSpec = { flags: '--dry-run', describe: 'say what would be done, and change nothing' };
const IF_REVISION: OptionSpec = { flags: '--if-revision <n>', describe: 'refuse unless this is still the current revision' };

const SCOPE: OptionSpec = { flags: '--scope <system|user>', describe: "of the machine (default), or of the user's own systemd" };

const RELEASE: OptionSpec = { flags: '--version <version>', describe: 'of cloudflared (the newest)' };
const MIRROR: OptionSpec = { flags: '--mirror <url>', describe: 'where releases are, in place of Cloudflare' };

/** Every command, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    summary: 'serve in the foreground, until stopped: for units, containers and debugging',
    takesRunOptions: true,
    endsBySignal: true,
    load: () => import('./commands/run.js'),
  },
  {
    name: 'up',
    summary: 'make sure that a daemon serves: through the installed unit, else in the background',
    options: [{ flags: '--restart', describe: 'replace a daemon that serves already, without losing a request' }],
    takesRunOptions: true,
    load: () => import('./commands/up.js'),
  },
  {
    name: 'down',
    summary: 'stop the daemon and its connector, after requests in flight have finished',
    load: () => import('./commands/down.js'),
  },
  {
    name: 'setup',
    summary: 'connect a domain: log in at Cloudflare, create the tunnel, publish',
    options: [
      { flags: '--name <name>', describe: 'of the tunnel' },
      { flags: '--timeout <seconds>', describe: 'how long the login may take (600)' },
      { flags: '--cert <file>', describe: 'an origin certificate brought by hand (- for standard input), instead of the login' },
      { flags: '--domain <domain>', describe: 'the domain to connect, where the certificate does not say which' },
      { flags: '--join', describe: 'join a tunnel that has connectors on other machines' },
      TAKEOVER,
    ],
    load: () => import('./commands/setup.js'),
  },
  { name: 'setup cancel', summary: 'cancel a setup that is under way; what served before serves on', load: () => import('./commands/setup-cancel.js') },
  {
    name: 'forward add',
    args: '<host[/path]> <destination>',
    summary: 'publish a service, or lead a published name elsewhere: a URL, a port, or http://[device]:port',
    options: [
      { flags: '--origin <key=value>', describe: "one of cloudflared's origin options, as noTLSVerify=true; repeatable", repeatable: true },
      TAKEOVER,
      IF_REVISION,
      DRY_RUN,
    ],
    load: () => import('./commands/forward-add.js'),
  },
  {
    name: 'forward remove',
    args: '<host[/path]>',
    summary: 'withdraw a rule, and the DNS record that we made for it',
    options: [IF_REVISION, DRY_RUN],
    load: () => import('./commands/forward-remove.js'),
  },
  {
    name: 'forward set',
    args: '<file|->',
    summary: 'replace all rules by those of a file (JSON or YAML)',
    options: [TAKEOVER, IF_REVISION, DRY_RUN],
    load: () => import('./commands/forward-set.js'),
  },
  { name: 'forward list', summary: 'list the rules', load: () => import('./commands/forward-list.js') },
  {
    name: 'expose',
    args: '<device> [port...]',
    summary: "publish a device's ports, as 3000 or 8443/https, under names of its own; none withdraws all",
    options: [TAKEOVER, DRY_RUN],
    load: () => import('./commands/expose.js'),
  },
  { name: 'reconcile', args: '[device]', summary: 'look up the addresses of devices now', load: () => import('./commands/reconcile.js') },
  {
    name: 'status',
    summary: 'what is published, what runs, what needs a person',
    options: [{ flags: '--portacode', describe: "what Portacode shows of it, from its two state files; needs no daemon" }],
    load: () => import('./commands/status.js'),
  },
  {
    name: 'logs',
    summary: "show the connectors' log",
    options: [
      { flags: '-f, --follow', describe: 'go on as lines are written' },
      { flags: '-n, --lines <n>', describe: 'the last so many lines (100)' },
      { flags: '--connector <id>', describe: 'one connector only' },
    ],
    load: () => import('./commands/logs.js'),
  },
  {
    name: 'events',
    summary: 'show what happens, as it happens',
    options: [{ flags: '--since <seq>', describe: 'begin after this sequence number' }],
    load: () => import('./commands/events.js'),
  },
  {
    name: 'doctor',
    summary: 'look for what is in the way on this machine, and say what to do about it',
    takesRunOptions: true,
    load: () => import('./commands/doctor.js'),
  },
  {
    name: 'rollback',
    args: '[revision]',
    summary: 'publish an earlier revision again (the one before, if none is named)',
    options: [{ flags: '--list', describe: 'list the revisions that are kept' }, TAKEOVER, DRY_RUN],
    load: () => import('./commands/rollback.js'),
  },
  {
    name: 'disconnect',
    summary: 'stop publishing, and remove our DNS records, our tunnel and its files; what other machines serve with stays',
    options: [{ flags: '--yes', describe: 'do not ask' }, DRY_RUN],
    load: () => import('./commands/disconnect.js'),
  },
  {
    name: 'install',
    summary: 'make sure that there is a cloudflared: found, or downloaded and verified',
    options: [
      RELEASE,
      { flags: '--to <user|system>', describe: 'the base directory, which needs no rights, or /usr/local/bin' },
      { flags: '--from <file|url>', describe: 'this file, instead of a release' },
      { flags: '--sha256 <hex>', describe: 'what it must have' },
      { flags: '--prerequisites', describe: 'install CA certificates first, by the package manager' },
      MIRROR,
      { flags: '--cloudflared <file>', describe: 'the one to use, if it will do' },
      DRY_RUN,
    ],
    load: () => import('./commands/install.js'),
  },
  {
    name: 'upgrade',
    summary: 'replace cloudflared by the newest, without losing a request; one that does not serve is taken back',
    options: [RELEASE, MIRROR, DRY_RUN],
    load: () => import('./commands/upgrade.js'),
  },
  {
    name: 'import',
    summary: 'say what runs a tunnel here already; take it over without a gap (--apply), and then stop the old one (--retire-old)',
    options: [
      { flags: '--apply', describe: 'take tunnel, credentials and rules over; the old connector serves on beside ours' },
      { flags: '--retire-old', describe: 'stop the old connector and keep it from coming back; nothing of it is deleted' },
      { flags: '--tunnel <name|id>', describe: 'which one, where there are several' },
      { flags: '--host <name...>', describe: 'names that have no rule of their own, and that the last rule leads somewhere' },
      { flags: '--skip <rule...>', describe: 'rules that may be left out, by number or name' },
      { flags: '--domain <domain>', describe: 'the domain, where nothing says which' },
      { flags: '--without-certificate', describe: 'leave DNS alone, though there is a certificate' },
      TAKEOVER,
      DRY_RUN,
    ],
    load: () => import('./commands/import.js'),
  },
  {
    name: 'service install',
    summary: 'keep the daemon by the init system (systemd, OpenRC): write the unit, start it, also at boot',
    options: [SCOPE, DRY_RUN],
    takesRunOptions: true,
    load: () => import('./commands/service-install.js'),
  },
  { name: 'service remove', summary: 'stop the service and take its unit away; what it kept stays', options: [SCOPE, DRY_RUN], load: () => import('./commands/service-remove.js') },
  { name: 'service status', summary: 'what the init system says of the unit', options: [SCOPE], load: () => import('./commands/service-status.js') },
  { name: 'service start', summary: 'start the unit; a daemon that serves without it hands over', options: [SCOPE, DRY_RUN], load: () => import('./commands/service-start.js') },
  { name: 'service stop', summary: 'stop the unit, after requests in flight have finished', options: [SCOPE, DRY_RUN], load: () => import('./commands/service-stop.js') },
  { name: 'service restart', summary: 'replace the daemon of the unit, without losing a request', options: [SCOPE, DRY_RUN], load: () => import('./commands/service-restart.js') },
  { name: 'service sweep', summary: 'end connectors that a stopped daemon left: units run it after a stop', takesRunOptions: true, load: () => import('./commands/service-sweep.js') },
  {
    name: 'portacode',
    summary: "Portacode's way in: its commands as JSON lines on standard input, its events on standard output",
    options: [{ flags: '--follow', describe: 'go on until stopped, and tell what nobody asked for, across restarts of the daemon' }],
    takesRunOptions: true,
    endsBySignal: true,
    load: () => import('./commands/portacode.js'),
  },
  {
    name: 'sandbox',
    args: '[command...]',
    summary: 'run an offline Cloudflare on loopback, to try everything without an account',
    options: [
      { flags: '--zone <domain>', describe: 'a zone of its account (example.com); repeatable', repeatable: true },
      { flags: '--port <port>', describe: 'of its API and pages (any free one)' },
      { flags: '--visitors-port <port>', describe: 'where visitors are served (any free one)' },
      { flags: '--stand-in', describe: 'run the stand-in, though there is a real cloudflared' },
      { flags: '--cloudflared <file>', describe: 'the cloudflared to run (found on PATH, else the stand-in)' },
    ],
    endsBySignal: true,
    load: () => import('./commands/sandbox.js'),
  },
];

/** What the first word of several commands is about. */
export const COMMAND_GROUPS: Readonly<Record<string, string>> = {
  service: 'keep the daemon by the init system: install, remove, status, start, stop, restart',
  forward: 'publish services under names of your domain: add, remove, set, list',
};
