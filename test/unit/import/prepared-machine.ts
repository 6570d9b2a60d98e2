import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decide, type ImportChoices } from '../../../src/import/decide/decide.js';
import type { ImportReport, TunnelReport } from '../../../src/import/report.js';
import type { SurveyProcess } from '../../../src/import/survey/ports.js';
import { surveyMachine } from '../../../src/import/survey/survey.js';
import { tempDirectory } from '../../fixtures/temp-directory.js';

export const ID = '11111111-2222-4333-8444-555555555555';
export const SECRET = Buffer.alloc(32, 7).toString('base64');
export const ACCOUNT = 'account-1';
const HOME = '/home/svc';

export const credentials = (id = ID, account = ACCOUNT): string => JSON.stringify({ AccountTag: account, TunnelSecret: SECRET, TunnelID: id });
export const token = (id = ID): string => Buffer.from(JSON.stringify({ a: ACCOUNT, t: id, s: SECRET })).toString('base64');
export const certificate = (account = ACCOUNT): string =>
  `-----BEGIN ARGO TUNNEL TOKEN-----\n${Buffer.from(JSON.stringify({ zoneID: 'zone-1', accountID: account, apiToken: 'api-token-1' })).toString('base64')}\n-----END ARGO TUNNEL TOKEN-----\n`;
export const config = (more = ''): string => `tunnel: ${ID}\ncredentials-file: /root/.cloudflared/${ID}.json\n${more}ingress:\n  - hostname: app.example.com\n    service: http://localhost:3000\n  - service: http_status:404\n`;

/** What one of cloudflared's own installations looks like, in our words. */
export const UNIT = '[Service]\nType=notify\nExecStart=/usr/bin/cloudflared --no-autoupdate --config /etc/cloudflared/config.yml tunnel run\nRestart=on-failure\n';
export const UNIT_WORDS = ['/usr/bin/cloudflared', '--no-autoupdate', '--config', '/etc/cloudflared/config.yml', 'tunnel', 'run'];

export interface Tree {
  readonly [path: string]: string | { readonly link: string } | { readonly forbidden: string };
}

/** A root directory with these files; a forbidden one can be read by nobody but root. */
export function prepareTree(tree: Tree): string {
  const root = tempDirectory();
  for (const [path, content] of Object.entries(tree)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (typeof content === 'string') writeFileSync(file, content);
    else if ('link' in content) symlinkSync(content.link, file);
    else {
      writeFileSync(file, content.forbidden);
      chmodSync(file, 0);
    }
  }
  return root;
}

let lastPid = 4_000_000;

/** One that runs with these words, as root unless said otherwise. Nobody has such a pid. */
export function process(argv: readonly string[], more: Partial<SurveyProcess> = {}): SurveyProcess {
  lastPid += 1;
  return { pid: lastPid, ppid: 1, argv, startTime: '1', uid: 0, isNested: false, cgroup: '0::/\n', ...more };
}

export const survey = async (tree: Tree, processes: readonly SurveyProcess[] = []) =>
  await surveyMachine({ root: prepareTree(tree), user: { uid: globalThis.process.geteuid?.() ?? 0, gid: 0, name: 'svc', home: HOME }, stateDir: `${HOME}/.config/portacode`, env: {}, processes: () => processes, ownCgroup: '0::/\n', defaultPorts: [] });

const NO_CHOICES: ImportChoices = { hosts: [], skip: [], domain: undefined, withoutCertificate: false };

export interface Asked {
  readonly choices?: Partial<ImportChoices>;
  readonly installedTunnelId?: string;
}

export async function importReport(tree: Tree, processes: readonly SurveyProcess[] = [], { choices = {}, installedTunnelId }: Asked = {}): Promise<ImportReport> {
  const { findings, certificates } = await survey(tree, processes);
  return (await decide(findings, { ...NO_CHOICES, ...choices }, { rights: { canRead: async () => true, isForbidden: async () => false }, certificates, installedTunnelId })).report;
}

/** Of the one tunnel that there is. */
export async function tunnelReport(tree: Tree, processes: readonly SurveyProcess[] = [], asked: Asked = {}): Promise<TunnelReport> {
  const { tunnels } = await importReport(tree, processes, asked);
  const [only, ...others] = tunnels;
  if (only === undefined || others.length > 0) throw new Error(`there are ${tunnels.length} tunnels`);
  return only;
}
