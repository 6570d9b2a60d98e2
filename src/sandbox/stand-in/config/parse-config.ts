import { LineCounter, parseAllDocuments } from 'yaml';

import { Failure } from '../failure.js';
import type { AccessConfig, Config, IngressRuleConfig, IpRuleConfig, OriginRequestConfig, WarpRoutingConfig } from './config.js';
import { decodeDuration, decodeInteger, decodeList, decodeRecord, decodeSwitch, decodeText, YamlDecoder } from './yaml-decoder.js';

const decodeOriginRequest = decodeRecord<OriginRequestConfig>('config.OriginRequestConfig', {
  connectTimeout: decodeDuration,
  tlsTimeout: decodeDuration,
  tcpKeepAlive: decodeDuration,
  noHappyEyeballs: decodeSwitch,
  keepAliveConnections: decodeInteger('int'),
  keepAliveTimeout: decodeDuration,
  httpHostHeader: decodeText,
  originServerName: decodeText,
  matchSNItoHost: decodeSwitch,
  caPool: decodeText,
  noTLSVerify: decodeSwitch,
  disableChunkedEncoding: decodeSwitch,
  bastionMode: decodeSwitch,
  proxyAddress: decodeText,
  proxyPort: decodeInteger('uint'),
  proxyType: decodeText,
  ipRules: decodeList(
    'config.IngressIPRule',
    decodeRecord<IpRuleConfig>('config.IngressIPRule', { prefix: decodeText, ports: decodeList('int', decodeInteger('int')), allow: decodeSwitch }),
  ),
  http2Origin: decodeSwitch,
  access: decodeRecord<AccessConfig>('config.AccessConfig', {
    required: decodeSwitch,
    teamName: decodeText,
    audTag: decodeList('string', decodeText),
    environment: decodeText,
  }),
});

const decodeRule = decodeRecord<IngressRuleConfig>('config.UnvalidatedIngressRule', {
  hostname: decodeText,
  path: decodeText,
  service: decodeText,
  originRequest: decodeOriginRequest,
});

const decodeWarpRouting = decodeRecord<WarpRoutingConfig>('config.WarpRoutingConfig', {
  connectTimeout: decodeDuration,
  maxActiveFlows: decodeInteger('uint64'),
  tcpKeepAlive: decodeDuration,
});

interface TopLevel {
  readonly tunnel: string;
  readonly ingress: readonly Partial<IngressRuleConfig>[];
  readonly originRequest: Partial<OriginRequestConfig>;
  readonly 'warp-routing': Partial<WarpRoutingConfig>;
}

const unmarshalErrors = (lines: readonly string[]): string => `yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`;

/** Undefined where the text holds no document. Throws a Failure that says what is wrong. */
export function parseConfig(text: string, source: string): Config | undefined {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true, uniqueKeys: false });
  const document = 'empty' in documents ? undefined : documents[0];
  if (document === undefined || (document.contents === null && document.errors.length === 0)) return undefined;
  const fail = (detail: string): never => {
    throw new Failure(`error parsing YAML in config file at ${source}: ${detail}`);
  };
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) return fail(`yaml: line ${lines.linePos(syntaxError.pos[0]).line}: ${syntaxError.message.split('\n')[0] ?? ''}`);

  const decoder = new YamlDecoder(document, lines);
  const settings = new Map<string, unknown>();
  const decodeTopLevel = decodeRecord<TopLevel>(
    'config.configFileSettings',
    { tunnel: decodeText, ingress: decodeList('config.UnvalidatedIngressRule', decodeRule), originRequest: decodeOriginRequest, 'warp-routing': decodeWarpRouting },
    (name, value) => settings.set(name, value),
  );
  let top: Partial<TopLevel>;
  try {
    top = decodeTopLevel(decoder, document.contents) ?? {};
  } catch (error) {
    // An alias without its anchor; the library notices it only when the alias is followed.
    if (error instanceof ReferenceError) return fail(`yaml: ${error.message}`);
    throw error;
  }
  if (decoder.problems.length > 0) return fail(unmarshalErrors(decoder.problems));
  return {
    source,
    tunnel: top.tunnel ?? '',
    ingress: top.ingress ?? [],
    originRequest: top.originRequest ?? {},
    warpRouting: top['warp-routing'] ?? {},
    settings,
    warnings: decoder.unused.length === 0 ? '' : unmarshalErrors(decoder.unused),
  };
}
