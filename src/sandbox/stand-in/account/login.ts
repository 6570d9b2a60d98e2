import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Context } from '../command-line/context.js';
import { expandHome, SEARCH_DIRECTORIES } from '../config/default-paths.js';
import { goPathError } from '../config/load-config.js';
import { Failure, messageOf } from '../failure.js';
import type { LoginFaults } from '../faults.js';
import type { Logger } from '../log/logger.js';
import { writeStandardError } from '../log/sinks.js';
import { call } from '../net/call.js';
import { userAgent, VERSION } from '../version.js';
import { openBrowser } from './open-browser.js';
import { decodeOriginCert, encodeOriginCert, type OriginCert } from './origin-cert.js';

const POLLS = 10;
const POLL_TIMEOUT_MS = 60_000;
const STORE = 'https://login.cloudflareaccess.org/';
const FED_STORE = 'https://login.fed.cloudflareaccess.org/';
const FED_LOGIN = 'https://dash.fed.cloudflare.com/argotunnel';

interface CertPlace {
  readonly path: string;
  readonly isTaken: boolean;
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Makes the directory below the home where it is missing, the home itself never. */
function findCertPlace(): CertPlace {
  const directory = expandHome(SEARCH_DIRECTORIES[0]);
  if (directory === undefined) throw new Failure('cannot expand the home directory');
  try {
    readdirSync(directory);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw new Failure(goPathError('open', directory, error));
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (cause) {
      throw new Failure(goPathError('mkdir', directory, cause));
    }
  }
  const path = join(directory, 'cert.pem');
  try {
    return { path, isTaken: statSync(path).size > 0 };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw new Failure(goPathError('stat', path, error));
    return { path, isTaken: false };
  }
}

function loginUrl(base: string, callback: string): string {
  const url = new URL(base);
  url.searchParams.set('callback', callback);
  url.searchParams.set('aud', '');
  url.searchParams.sort();
  return url.toString();
}

function announce(url: string, isOpened: boolean): string {
  return isOpened
    ? `A browser window should have opened at the following URL:\n\n${url}\n\nIf the browser failed to open, please visit the URL above directly in your browser.\n`
    : `Please open the following URL and log in with your Cloudflare account:\n\n${url}\n\nLeave cloudflared running to download the cert automatically.\n`;
}

/** Each poll is held open by the store until there is something, or given up by it. */
async function pollStore(url: string, log: Logger): Promise<string> {
  for (let poll = 0; poll < POLLS; poll += 1) {
    const answer = await call({ method: 'GET', url, headers: { 'User-Agent': userAgent(VERSION) }, timeoutMs: POLL_TIMEOUT_MS, usesProxy: true });
    if (answer.status >= 500) throw new Error(`error on request ${answer.status}: ${answer.body}`);
    if (answer.status === 200 && answer.body !== '') return answer.body;
    if (answer.status !== 200) log.info('Waiting for login...');
  }
  throw new Error('Failed to fetch resource');
}

async function fetchCert(url: string, place: CertPlace, log: Logger): Promise<OriginCert> {
  let text: string;
  try {
    text = await pollStore(url, log);
  } catch (error) {
    log.error(
      `Failed to write the certificate.\n\nYour browser will download the certificate instead. You will have to manually\ncopy it to the following path:\n\n${place.path}\n`,
      { error: messageOf(error) },
    );
    throw new Failure(messageOf(error));
  }
  try {
    return decodeOriginCert(text);
  } catch (error) {
    log.error('failed to decode origin certificate', { error: messageOf(error) });
    throw error;
  }
}

/** `tunnel login`: prints a URL, and waits for what a person does there. An existing cert ends it with code 0. */
export async function login(context: Context, log: Logger, faults: LoginFaults): Promise<void> {
  const place = findCertPlace();
  if (place.isTaken) {
    log.error(
      `You have an existing certificate at ${place.path} which login would overwrite.\n` +
        'If this is intentional, please move or delete that file then run this command again.\n',
    );
    return;
  }
  const isFed = context.isOn('fedramp');
  const key = `${randomBytes(32).toString('base64url')}=`;
  const url = loginUrl(isFed ? FED_LOGIN : context.text('loginURL'), `${isFed ? FED_STORE : context.text('callbackURL')}${key}`);
  const text = announce(url, openBrowser(url));
  if (faults.pieces === undefined) writeStandardError(text);
  else await writeInPieces(text, faults.pieces);
  const cert = await fetchCert(`${isFed ? FED_STORE : STORE}${key}`, place, log);
  try {
    writeFileSync(place.path, encodeOriginCert(isFed ? { ...cert, endpoint: 'fed' } : cert), { mode: 0o600 });
  } catch (error) {
    throw new Failure(`error writing cert to ${place.path}: ${goPathError('open', place.path, error)}`);
  }
  log.info(`You have successfully logged in.\nIf you wish to copy your credentials to a server, they have been saved to:\n${place.path}\n`);
}

/** The fault `pieces`: the announcement arrives bit by bit. */
async function writeInPieces(text: string, { bytes, everyMs }: { readonly bytes: number; readonly everyMs: number }): Promise<void> {
  const { setTimeout: delay } = await import('node:timers/promises');
  for (let start = 0; start < text.length; start += bytes) {
    writeStandardError(text.slice(start, start + bytes));
    await delay(everyMs);
  }
}
