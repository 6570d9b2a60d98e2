import { SupervisorError } from '../core/errors.js';
import { parseSha256 } from './checksums.js';
import type { Platform } from './platform.js';
import type { Release } from './release.js';
import { show, type ReleaseHttp } from './release-http.js';

/**
 * Where Cloudflare publishes cloudflared, and what it should be.
 *
 * The file lies at GitHub, and its SHA-256 is taken from Cloudflare's own update service: that is what cloudflared's
 * updater goes by (`cmd/cloudflared/updater` in cloudflare/cloudflared) and Wrangler after it, and whoever could change
 * the file at GitHub could not change the sum there. Its answer to `?os=&arch=[&version=]` is
 * `{"url","version","checksum",…}`; for systems that it does not know, `url` is empty.
 *
 * Where it does not answer or does not know, the `digest` of the asset is taken that GitHub computes at the upload
 * (since June 2025). The sums in the text of a release are not used: several releases lacked some of them
 * (cloudflare/cloudflared issues 529, 660, 830), and in 2026.5.0 some were wrong (1648).
 */
const UPDATE_SERVICE = 'https://update.argotunnel.com/';
const GITHUB_RELEASES = 'https://api.github.com/repos/cloudflare/cloudflared/releases';

/** @throws SupervisorError RELEASE_* */
export async function findPublished(version: string | undefined, platform: Platform, http: ReleaseHttp, signal: AbortSignal): Promise<Release> {
  let reason: unknown;
  try {
    const release = await askUpdateService(version, platform, http, signal);
    if (release !== undefined) return release;
  } catch (error) {
    if (signal.aborted) throw error;
    reason = error; // Said only if GitHub cannot help either.
  }
  try {
    return await askGitHub(version, platform, http, signal);
  } catch (error) {
    if (signal.aborted || !(reason instanceof SupervisorError) || !(error instanceof SupervisorError)) throw error;
    throw new SupervisorError(error.code, `${error.message} Nor does Cloudflare's update service help: ${reason.message}`, { cause: error });
  }
}

/** Undefined where it does not know this version, or this system. */
async function askUpdateService(version: string | undefined, { os, arch }: Platform, http: ReleaseHttp, signal: AbortSignal): Promise<Release | undefined> {
  const url = new URL(UPDATE_SERVICE);
  url.search = new URLSearchParams({ os, arch, ...(version === undefined ? {} : { version }) }).toString();
  const { z } = await import('zod');
  const answer = readJson(await http.readText(url, signal, 'application/json'), z.looseObject({ url: z.string(), version: z.string(), checksum: z.string(), error: z.string().optional() }), url);
  const sha256 = parseSha256(answer?.checksum ?? '');
  const isKnown = answer !== undefined && sha256 !== undefined && (answer.error ?? '') === '' && URL.canParse(answer.url) && new URL(answer.url).protocol === 'https:';
  // Another version than the one that was asked for helps nobody.
  if (!isKnown || answer.version === '' || (version !== undefined && answer.version !== version)) return undefined;
  return { version: answer.version, url: new URL(answer.url), checksums: [{ sha256, source: url.host }] };
}

async function askGitHub(version: string | undefined, { asset, os, arch }: Platform, http: ReleaseHttp, signal: AbortSignal): Promise<Release> {
  const url = new URL(`${GITHUB_RELEASES}/${version === undefined ? 'latest' : `tags/${version}`}`);
  const { z } = await import('zod');
  const schema = z.looseObject({
    tag_name: z.string(),
    assets: z.array(z.looseObject({ name: z.string(), browser_download_url: z.string(), digest: z.string().nullish() })),
  });
  const release = readJson(await http.readText(url, signal, 'application/vnd.github+json'), schema, url);
  if (release === undefined) throw new SupervisorError('RELEASE_UNKNOWN', version === undefined ? `${show(url)} names no release.` : `There is no release ${version} of cloudflared.`);
  const file = release.assets.find(({ name }) => name === asset);
  if (file === undefined || !file.browser_download_url.startsWith('https://')) throw new SupervisorError('RELEASE_UNKNOWN', `Release ${release.tag_name} of cloudflared has no file for ${os} on ${arch}.`);
  const sha256 = parseSha256(file.digest ?? '');
  if (sha256 === undefined) throw new SupervisorError('CHECKSUM_MISSING', `GitHub gives no digest of ${asset} in release ${release.tag_name}.`);
  return { version: release.tag_name, url: new URL(file.browser_download_url), checksums: [{ sha256, source: url.host }] };
}

interface Schema<T> {
  safeParse(value: unknown): { readonly success: true; readonly data: T } | { readonly success: false };
}

function readJson<T>(text: string | undefined, schema: Schema<T>, url: URL): T | undefined {
  if (text === undefined) return undefined;
  const unexpected = (cause?: unknown): SupervisorError => new SupervisorError('RELEASE_UNEXPECTED', `${show(url)} says something about the release that cannot be read.`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unexpected(error);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw unexpected();
  return parsed.data;
}
