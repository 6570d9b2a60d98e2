import { CapnpError } from './capnp/capnp-error.js';
import type { StructReader } from './capnp/message-reader.js';
import type { WritePayload } from './capnp/rpc-frames.js';
import { formatIpAddress, mappedAddressBytes } from './ip-address.js';
import type { RegistrationRequest } from './ports.js';
import { formatUuid, parseUuid } from './uuid.js';

/**
 * The calls of a connector on the edge, in both directions. Ids and layout: `RegistrationServer` in
 * `tunnelrpc/proto/tunnelrpc.capnp` of cloudflare/cloudflared; numbers below are offsets in that layout.
 */

const INTERFACE_ID = 0xf71695ec7fe85497n;

export const REGISTER_CONNECTION = { interfaceId: INTERFACE_ID, methodId: 0 } as const;
export const UNREGISTER_CONNECTION = { interfaceId: INTERFACE_ID, methodId: 1 } as const;
export const UPDATE_LOCAL_CONFIGURATION = { interfaceId: INTERFACE_ID, methodId: 2 } as const;

const NANOSECONDS_PER_MS = 1_000_000n;

/** What the edge answers to a registration. */
export type RegistrationAnswer =
  | { readonly kind: 'connected'; readonly connectionId: string; readonly location: string; readonly remotelyManaged: boolean }
  | { readonly kind: 'rejected'; readonly cause: string; readonly retryAfterMs: number | undefined };

export const writeRegistration = (request: RegistrationRequest): WritePayload => (init) => {
  const params = init(1, 3);
  const auth = params.initStruct(0, 0, 2);
  auth.setText(0, request.accountTag);
  auth.setData(1, request.tunnelSecret);
  params.setData(1, parseUuid(request.tunnelId));
  params.setUint8(0, request.connIndex);
  const options = params.initStruct(2, 1, 2);
  options.setUint8(2, request.numPreviousAttempts);
  options.setData(1, mappedAddressBytes(request.originIp));
  const client = options.initStruct(0, 0, 4);
  client.setData(0, parseUuid(request.connector.connectorId));
  client.setTextList(1, request.connector.features);
  client.setText(2, request.connector.version);
  client.setText(3, request.connector.arch);
};

/** Throws CapnpError where a part is missing that cannot be. */
export function readRegistration(params: StructReader | undefined): RegistrationRequest {
  const auth = params?.getStruct(0);
  const options = params?.getStruct(2);
  const client = options?.getStruct(0);
  if (params === undefined || auth === undefined || options === undefined || client === undefined) throw new CapnpError('a registration without its parts');
  const tunnelId = formatUuid(params.getData(1));
  const connectorId = formatUuid(client.getData(0));
  if (tunnelId === undefined || connectorId === undefined) throw new CapnpError('invalid UUID');
  return {
    tunnelId,
    accountTag: auth.getText(0),
    // A copy: the message around it holds a whole chunk of the socket.
    tunnelSecret: auth.getData(1).slice(),
    connIndex: params.getUint8(0),
    connector: { connectorId, version: client.getText(2), arch: client.getText(3), features: client.getTextList(1) },
    originIp: formatIpAddress(options.getData(1)),
    numPreviousAttempts: options.getUint8(2),
  };
}

const REJECTED = 0;
const CONNECTED = 1;

export const writeAnswer = (answer: RegistrationAnswer): WritePayload => (init) => {
  const response = init(0, 1).initStruct(0, 1, 1);
  if (answer.kind === 'rejected') {
    response.setUint16(0, REJECTED);
    const error = response.initStruct(0, 2, 1);
    error.setText(0, answer.cause);
    if (answer.retryAfterMs === undefined) return;
    error.setUint64(0, BigInt(Math.trunc(answer.retryAfterMs)) * NANOSECONDS_PER_MS);
    error.setBool(64, true);
    return;
  }
  response.setUint16(0, CONNECTED);
  const details = response.initStruct(0, 1, 2);
  details.setData(0, parseUuid(answer.connectionId));
  details.setText(1, answer.location);
  details.setBool(0, answer.remotelyManaged);
};

/** Throws CapnpError where it is no answer. */
export function readAnswer(results: StructReader | undefined): RegistrationAnswer {
  const response = results?.getStruct(0);
  const body = response?.getStruct(0);
  if (response === undefined || body === undefined) throw new CapnpError('a registration was answered with nothing');
  if (response.getUint16(0) === REJECTED) {
    const retryAfterMs = Number(BigInt.asIntN(64, body.getUint64(0)) / NANOSECONDS_PER_MS);
    return { kind: 'rejected', cause: body.getText(0), retryAfterMs: body.getBool(64) ? retryAfterMs : undefined };
  }
  const connectionId = formatUuid(body.getData(0));
  if (connectionId === undefined) throw new CapnpError('invalid UUID');
  return { kind: 'connected', connectionId, location: body.getText(1), remotelyManaged: body.getBool(0) };
}

export const writeNothing: WritePayload = (init) => {
  init(0, 0);
};

export const writeConfiguration = (config: unknown): WritePayload => (init) => {
  init(0, 1).setData(0, Buffer.from(JSON.stringify(config), 'utf8'));
};

/** `undefined` where the report is no JSON: the edge only shows it. */
export function readConfiguration(params: StructReader | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(params?.getData(0) ?? []).toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
