import { defaultConfigPath, defaultOriginCertPath } from '../config/default-paths.js';

import { defineFlag, type FlagSpec } from './flag-spec.js';

/** The flags of cloudflared 2026.8.2, by the command that has them; which level a flag stands at matters. */

const CREDENTIALS_FILE = defineFlag('text', 'credentials-file', 'TUNNEL_CRED_FILE', { aliases: ['cred-file'] });
const PROTOCOL = defineFlag('text', 'protocol', 'TUNNEL_TRANSPORT_PROTOCOL', { aliases: ['p'], initial: 'auto' });
const POST_QUANTUM = defineFlag('switch', 'post-quantum', 'TUNNEL_POST_QUANTUM', { aliases: ['pq'] });
export const OVERWRITE_DNS = defineFlag('switch', 'overwrite-dns', 'TUNNEL_FORCE_PROVISIONING_DNS', { aliases: ['f'], inConfig: false });

const daemonFlags = (): readonly FlagSpec[] => [
  defineFlag('text', 'config', [], { initial: defaultConfigPath(), inConfig: false }),
  defineFlag('text', 'origincert', 'TUNNEL_ORIGIN_CERT', { initial: defaultOriginCertPath() }),
  defineFlag('duration', 'autoupdate-freq', [], { initial: '24h0m0s' }),
  defineFlag('switch', 'no-autoupdate', 'NO_AUTOUPDATE'),
  defineFlag('switch', 'no-prechecks', 'TUNNEL_NO_PRECHECKS'),
  defineFlag('text', 'metrics', 'TUNNEL_METRICS', { initial: 'localhost:0' }),
  defineFlag('text', 'pidfile', 'TUNNEL_PIDFILE'),
];

const SSH_FLAGS: readonly FlagSpec[] = [
  defineFlag('text', 'local-ssh-port', 'LOCAL_SSH_PORT', { initial: '2222' }),
  defineFlag('duration', 'ssh-idle-timeout', 'SSH_IDLE_TIMEOUT'),
  defineFlag('duration', 'ssh-max-timeout', 'SSH_MAX_TIMEOUT'),
  defineFlag('text', 'bucket-name', 'BUCKET_ID'),
  defineFlag('text', 'region-name', 'REGION_ID'),
  defineFlag('text', 'secret-id', 'SECRET_ID'),
  defineFlag('text', 'access-key-id', 'ACCESS_CLIENT_ID'),
  defineFlag('text', 'session-token', 'SESSION_TOKEN_ID'),
  defineFlag('text', 's3-url-host', 'S3_URL'),
  defineFlag('text', 'host-key-path', 'HOST_KEY_PATH'),
  defineFlag('switch', 'ssh-server', 'TUNNEL_SSH_SERVER'),
];

const PROXY_FLAGS: readonly FlagSpec[] = [
  defineFlag('text', 'url', 'TUNNEL_URL', { initial: 'http://localhost:8080' }),
  defineFlag('switch', 'hello-world', 'TUNNEL_HELLO_WORLD'),
  defineFlag('switch', 'socks5', 'TUNNEL_SOCKS'),
  defineFlag('duration', 'proxy-connect-timeout', [], { initial: '30s' }),
  defineFlag('duration', 'proxy-tls-timeout', [], { initial: '10s' }),
  defineFlag('duration', 'proxy-tcp-keepalive', [], { initial: '30s' }),
  defineFlag('switch', 'proxy-no-happy-eyeballs'),
  defineFlag('integer', 'proxy-keepalive-connections', [], { initial: '100' }),
  defineFlag('duration', 'proxy-keepalive-timeout', [], { initial: '1m30s' }),
  defineFlag('duration', 'proxy-connection-timeout', [], { initial: '1m30s' }),
  defineFlag('duration', 'proxy-expect-continue-timeout', [], { initial: '1m30s' }),
  defineFlag('text', 'http-host-header', 'TUNNEL_HTTP_HOST_HEADER'),
  defineFlag('text', 'origin-server-name', 'TUNNEL_ORIGIN_SERVER_NAME'),
  defineFlag('text', 'unix-socket', 'TUNNEL_UNIX_SOCKET'),
  defineFlag('text', 'origin-ca-pool', 'TUNNEL_ORIGIN_CA_POOL'),
  defineFlag('switch', 'no-tls-verify', 'NO_TLS_VERIFY'),
  defineFlag('switch', 'no-chunked-encoding', 'TUNNEL_NO_CHUNKED_ENCODING'),
  defineFlag('switch', 'http2-origin', 'TUNNEL_ORIGIN_ENABLE_HTTP2'),
  defineFlag('text', 'management-hostname', 'TUNNEL_MANAGEMENT_HOSTNAME', { initial: 'management.argotunnel.com' }),
  defineFlag('text', 'service-op-ip', 'TUNNEL_SERVICE_OP_IP', { initial: '198.41.200.113:80' }),
  ...SSH_FLAGS,
  defineFlag('switch', 'bastion', 'TUNNEL_BASTION'),
  defineFlag('text', 'proxy-address', 'TUNNEL_PROXY_ADDRESS', { initial: '127.0.0.1' }),
  defineFlag('integer', 'proxy-port', 'TUNNEL_PROXY_PORT'),
];

const LOGGING_FLAGS: readonly FlagSpec[] = [
  defineFlag('text', 'loglevel', 'TUNNEL_LOGLEVEL', { initial: 'info' }),
  defineFlag('text', 'transport-loglevel', ['TUNNEL_PROTO_LOGLEVEL', 'TUNNEL_TRANSPORT_LOGLEVEL'], { aliases: ['proto-loglevel'], initial: 'info' }),
  defineFlag('text', 'logfile', 'TUNNEL_LOGFILE'),
  defineFlag('text', 'log-directory', 'TUNNEL_LOGDIRECTORY'),
  defineFlag('text', 'trace-output', 'TUNNEL_TRACE_OUTPUT'),
  defineFlag('text', 'output', ['TUNNEL_MANAGEMENT_OUTPUT', 'TUNNEL_LOG_OUTPUT'], { initial: 'default', inConfig: false }),
];

const REMOVED_DNS_FLAGS: readonly FlagSpec[] = [
  defineFlag('switch', 'proxy-dns'),
  defineFlag('integer', 'proxy-dns-port'),
  defineFlag('text', 'proxy-dns-address'),
  defineFlag('list', 'proxy-dns-upstream'),
  defineFlag('integer', 'proxy-dns-max-upstream-conns'),
  defineFlag('list', 'proxy-dns-bootstrap'),
];

const EDGE_FLAGS: readonly FlagSpec[] = [
  CREDENTIALS_FILE,
  defineFlag('switch', 'is-autoupdated'),
  defineFlag('list', 'edge', 'TUNNEL_EDGE'),
  defineFlag('text', 'region', 'TUNNEL_REGION'),
  defineFlag('text', 'edge-ip-version', 'TUNNEL_EDGE_IP_VERSION', { initial: 'auto' }),
  defineFlag('text', 'edge-bind-address', 'TUNNEL_EDGE_BIND_ADDRESS'),
  defineFlag('text', 'cacert', 'TUNNEL_CACERT'),
  defineFlag('text', 'hostname', 'TUNNEL_HOSTNAME'),
  defineFlag('text', 'id', 'TUNNEL_ID'),
  defineFlag('text', 'lb-pool', 'TUNNEL_LB_POOL'),
  defineFlag('text', 'api-key', 'TUNNEL_API_KEY'),
  defineFlag('text', 'api-email', 'TUNNEL_API_EMAIL'),
  defineFlag('text', 'api-ca-key', 'TUNNEL_API_CA_KEY'),
  defineFlag('text', 'api-url', 'TUNNEL_API_URL', { initial: 'https://api.cloudflare.com/client/v4' }),
  defineFlag('duration', 'metrics-update-freq', 'TUNNEL_METRICS_UPDATE_FREQ', { initial: '5s' }),
  defineFlag('list', 'tag', 'TUNNEL_TAG'),
  defineFlag('duration', 'heartbeat-interval', [], { initial: '5s' }),
  defineFlag('integer', 'heartbeat-count', [], { initial: '5' }),
  defineFlag('integer', 'max-edge-addr-retries', [], { initial: '8' }),
  defineFlag('integer', 'retries', 'TUNNEL_RETRIES', { initial: '5' }),
  defineFlag('integer', 'ha-connections', [], { initial: '4' }),
  defineFlag('duration', 'rpc-timeout', [], { initial: '5s' }),
  defineFlag('duration', 'write-stream-timeout', 'TUNNEL_STREAM_WRITE_TIMEOUT'),
  defineFlag('switch', 'quic-disable-pmtu-discovery', 'TUNNEL_DISABLE_QUIC_PMTU'),
  defineFlag('integer', 'quic-connection-level-flow-control-limit', 'TUNNEL_QUIC_CONN_LEVEL_FLOW_CONTROL_LIMIT', { initial: '31457280' }),
  defineFlag('integer', 'quic-stream-level-flow-control-limit', 'TUNNEL_QUIC_STREAM_LEVEL_FLOW_CONTROL_LIMIT', { initial: '6291456' }),
  defineFlag('text', 'label'),
  defineFlag('duration', 'grace-period', 'TUNNEL_GRACE_PERIOD', { initial: '30s' }),
  defineFlag('integer', 'compression-quality', 'TUNNEL_COMPRESSION_LEVEL'),
  defineFlag('switch', 'use-reconnect-token', 'TUNNEL_USE_RECONNECT_TOKEN', { initial: 'true' }),
  defineFlag('duration', 'dial-edge-timeout', 'DIAL_EDGE_TIMEOUT', { initial: '15s' }),
  defineFlag('switch', 'stdin-control', 'STDIN_CONTROL'),
  defineFlag('text', 'name', 'TUNNEL_NAME', { aliases: ['n'] }),
  defineFlag('switch', 'ui'),
  defineFlag('text', 'quick-service', [], { initial: 'https://api.trycloudflare.com' }),
  defineFlag('integer', 'max-fetch-size', 'TUNNEL_MAX_FETCH_SIZE'),
  POST_QUANTUM,
  defineFlag('switch', 'management-diagnostics', 'TUNNEL_MANAGEMENT_DIAGNOSTICS', { initial: 'true' }),
  PROTOCOL,
  OVERWRITE_DNS,
];

/** Of `cloudflared` itself and of `cloudflared tunnel`: both have the same. */
export const tunnelFlags = (): readonly FlagSpec[] => [...daemonFlags(), ...PROXY_FLAGS, ...LOGGING_FLAGS, ...REMOVED_DNS_FLAGS, ...EDGE_FLAGS];

export const RUN_FLAGS: readonly FlagSpec[] = [
  CREDENTIALS_FILE,
  defineFlag('text', 'credentials-contents', 'TUNNEL_CRED_CONTENTS'),
  POST_QUANTUM,
  PROTOCOL,
  defineFlag('list', 'features', [], { aliases: ['F'] }),
  defineFlag('text', 'token', 'TUNNEL_TOKEN'),
  defineFlag('text', 'token-file', 'TUNNEL_TOKEN_FILE'),
  defineFlag('text', 'icmpv4-src', 'TUNNEL_ICMPV4_SRC', { inConfig: false }),
  defineFlag('text', 'icmpv6-src', 'TUNNEL_ICMPV6_SRC', { inConfig: false }),
  defineFlag('integer', 'max-active-flows', 'TUNNEL_MAX_ACTIVE_FLOWS', { inConfig: false }),
  defineFlag('list', 'dns-resolver-addrs', 'TUNNEL_DNS_RESOLVER_ADDRS', { inConfig: false }),
  ...PROXY_FLAGS,
];

export const LOGIN_FLAGS: readonly FlagSpec[] = [
  defineFlag('text', 'loginURL', [], { initial: 'https://dash.cloudflare.com/argotunnel', inConfig: false }),
  defineFlag('text', 'callbackURL', [], { initial: 'https://login.cloudflareaccess.org/', inConfig: false }),
  defineFlag('switch', 'fedramp', [], { aliases: ['f'], inConfig: false }),
];

export const VALIDATE_FLAGS: readonly FlagSpec[] = [
  defineFlag('text', 'json', 'TUNNEL_INGRESS_VALIDATE_JSON', { aliases: ['j'], inConfig: false }),
];

export const VERSION_FLAGS: readonly FlagSpec[] = [defineFlag('switch', 'short', [], { aliases: ['s'], inConfig: false })];
