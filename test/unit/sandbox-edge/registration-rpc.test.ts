import { duplexPair, type Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { CapnpError } from '../../../src/sandbox/edge/capnp/capnp-error.js';
import { FrameReader } from '../../../src/sandbox/edge/capnp/framing.js';
import type { StructReader } from '../../../src/sandbox/edge/capnp/message-reader.js';
import { connectRpc, RpcFailure } from '../../../src/sandbox/edge/capnp/rpc-client.js';
import { frameBootstrap, frameCall, type WritePayload } from '../../../src/sandbox/edge/capnp/rpc-frames.js';
import { MESSAGE_KIND, readMessage, type RpcMessage } from '../../../src/sandbox/edge/capnp/rpc-messages.js';
import { type CallInterface, serveRpc } from '../../../src/sandbox/edge/capnp/rpc-server.js';
import type { RegistrationRequest } from '../../../src/sandbox/edge/ports.js';
import {
  readAnswer, readRegistration, REGISTER_CONNECTION, type RegistrationAnswer, UNREGISTER_CONNECTION, writeAnswer, writeNothing, writeRegistration,
} from '../../../src/sandbox/edge/registration-schema.js';

/** As cloudflared 2026.8.2 sent it: bootstrap, the registration as a call on the answer to come, and two finishes. */
const RECORDED = {
  bootstrap: '000000000500000000000000010001000800000000000000000000000100010000000000000000000000000000000000',
  register:
    '000000004000000000000000010001000200000000000000000000000300030001000000000000009754e87fec9516f70000000000000000080000000100010018000000000002000000000000000000000000000100000000000000010001000000000000000000010000000700000000000000010000000400000001000300bd000000070000000000000000000000080000000000020021000000820000002400000001000200050000002a000000050000000201000061636374000000007365637265747365637265747365637265747365637265747365637265743132111111112222433384445555555555550000000000000000040000000000040075000000820000000d00000082000000110000002e000000590000004a0000005d00000062000000448c414dca8e479aad10f2a743eaf75911000000a2000000190000009a00000021000000a2000000290000008a0000003100000082000000616c6c6f775f72656d6f74655f636f6e666967000000000073657269616c697a65645f68656164657273000000000000737570706f72745f646174616772616d5f76320000000000737570706f72745f717569635f656f6600000000000000006d616e6167656d656e745f6c6f677300323032362e382e3200000000000000006c696e75785f616d643634000000000000000000000000000000ffff7f0000010000000001000100',
  finishBootstrap: '00000000040000000000000001000100040000000000000000000000010000000000000001000000',
} as const;

const decode = (hex: string): RpcMessage => {
  const [segments] = new FrameReader().push(Buffer.from(hex, 'hex'));
  return readMessage(segments ?? []);
};

const REQUEST: RegistrationRequest = {
  tunnelId: '11111111-2222-4333-8444-555555555555',
  accountTag: 'acct',
  tunnelSecret: Buffer.from('secretsecretsecretsecretsecret12'),
  connIndex: 0,
  connector: {
    connectorId: '448c414d-ca8e-479a-ad10-f2a743eaf759',
    version: '2026.8.2',
    arch: 'linux_amd64',
    features: ['allow_remote_config', 'serialized_headers', 'support_datagram_v2', 'support_quic_eof', 'management_logs'],
  },
  originIp: '127.0.0.1',
  numPreviousAttempts: 0,
};

const openStreams: Duplex[] = [];
const openPair = (): readonly [Duplex, Duplex] => {
  const pair = duplexPair();
  openStreams.push(...pair);
  return pair;
};

afterEach(() => {
  for (const stream of openStreams.splice(0)) stream.destroy();
});

/** Collects what a peer that we play ourselves is sent. */
const collect = (stream: Duplex): { next(): Promise<RpcMessage> } => {
  const frames = new FrameReader();
  const seen: RpcMessage[] = [];
  const waiting: ((message: RpcMessage) => void)[] = [];
  stream.on('data', (chunk: Uint8Array) => {
    for (const segments of frames.push(chunk)) {
      const message = readMessage(segments);
      const take = waiting.shift();
      if (take === undefined) seen.push(message);
      else take(message);
    }
  });
  return {
    next: () =>
      new Promise((resolve) => {
        const message = seen.shift();
        if (message === undefined) waiting.push(resolve);
        else resolve(message);
      }),
  };
};

const callParams = (hex: string): StructReader | undefined => {
  const message = decode(hex);
  return message.kind === 'call' ? message.params : undefined;
};

describe('what cloudflared sends', () => {
  it('is understood', () => {
    expect(decode(RECORDED.bootstrap)).toEqual({ kind: 'bootstrap', questionId: 0 });
    expect(decode(RECORDED.finishBootstrap)).toEqual({ kind: 'finish', questionId: 0 });
    expect(decode(RECORDED.register)).toMatchObject({ kind: 'call', questionId: 1, target: { kind: 'answer', questionId: 0, path: [] }, ...REGISTER_CONNECTION });
    const request = readRegistration(callParams(RECORDED.register));
    expect({ ...request, tunnelSecret: Buffer.from(request.tunnelSecret) }).toEqual(REQUEST);
  });

  it('is what we send in its place', async () => {
    const [ours, theirs] = openPair();
    const sent = collect(theirs);
    const client = connectRpc(ours);
    const call = client.call(REGISTER_CONNECTION, writeRegistration(REQUEST));
    expect(await sent.next()).toEqual(decode(RECORDED.bootstrap));
    const message = await sent.next();
    expect(message).toMatchObject({ kind: 'call', questionId: 1, target: { kind: 'answer', questionId: 0, path: [] } });
    expect(message.kind === 'call' && readRegistration(message.params)).toMatchObject({ tunnelId: REQUEST.tunnelId, connector: REQUEST.connector });
    client.close();
    await expect(call).rejects.toBeInstanceOf(RpcFailure);
  });

  it('damaged in any one place gives a registration or a CapnpError', () => {
    const whole = Buffer.from(RECORDED.register, 'hex');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), fc.nat(0xff), (place, value) => {
        const damaged = Buffer.from(whole);
        damaged[place] = value;
        try {
          for (const segments of new FrameReader().push(damaged)) {
            const message = readMessage(segments);
            if (message.kind === 'call') readRegistration(message.params);
          }
        } catch (error) {
          if (!(error instanceof CapnpError)) throw error;
        }
      }),
      { numRuns: 5000 },
    );
  });
});

describe('client and server', () => {
  const serve = (callInterface: CallInterface): ReturnType<typeof connectRpc> => {
    const [near, far] = openPair();
    serveRpc(far, callInterface);
    return connectRpc(near);
  };

  it('bring every registration across, and every answer back', async () => {
    const uuid = fc.uuid();
    const requests = fc.record({
      tunnelId: uuid,
      accountTag: fc.string({ maxLength: 60 }),
      tunnelSecret: fc.uint8Array({ maxLength: 64 }),
      connIndex: fc.nat(255),
      connector: fc.record({ connectorId: uuid, version: fc.string({ maxLength: 30 }), arch: fc.string({ maxLength: 30 }), features: fc.array(fc.string({ maxLength: 30 }), { maxLength: 10 }) }),
      originIp: fc.oneof(fc.constant(''), fc.ipV4()),
      numPreviousAttempts: fc.nat(255),
    });
    const answers = fc.oneof(
      fc.record({ kind: fc.constant('connected' as const), connectionId: uuid, location: fc.string({ maxLength: 9 }), remotelyManaged: fc.boolean() }),
      fc.record({ kind: fc.constant('rejected' as const), cause: fc.string({ maxLength: 300 }), retryAfterMs: fc.option(fc.nat(10_000_000), { nil: undefined }) }),
    );
    await fc.assert(
      fc.asyncProperty(requests, answers, async (request, answer: RegistrationAnswer) => {
        let asked: RegistrationRequest | undefined;
        const client = serve((_interfaceId, _methodId, params) => {
          asked = readRegistration(params);
          return Promise.resolve(writeAnswer(answer));
        });
        expect(readAnswer(await client.call(REGISTER_CONNECTION, writeRegistration(request)))).toEqual(answer);
        expect(asked && { ...asked, tunnelSecret: Buffer.from(asked.tunnelSecret) }).toEqual({ ...request, tunnelSecret: Buffer.from(request.tunnelSecret) });
        client.close();
      }),
      { numRuns: 200 },
    );
  });

  it('answer calls out of order, each to its asker', async () => {
    const waiting: ((write: WritePayload) => void)[] = [];
    const client = serve(() => new Promise((resolve) => waiting.push(resolve)));
    const name = (value: number): WritePayload => (init) => init(1, 0).setUint32(0, value);
    const [first, second] = [client.call(REGISTER_CONNECTION, writeNothing), client.call(UNREGISTER_CONNECTION, writeNothing)];
    while (waiting.length < 2) await new Promise(setImmediate);
    waiting[1]?.(name(2));
    expect((await second)?.getUint32(0)).toBe(2);
    waiting[0]?.(name(1));
    expect((await first)?.getUint32(0)).toBe(1);
  });

  it('bring an exception across with its text', async () => {
    const client = serve(() => Promise.reject(new Error('no such thing')));
    await expect(client.call(REGISTER_CONNECTION, writeNothing)).rejects.toMatchObject({ name: 'RpcFailure', answered: true, message: 'rpc exception: no such thing' });
  });

  it('fail what is open when the stream goes, and what comes after', async () => {
    const [near, far] = openPair();
    const client = connectRpc(near);
    const open = client.call(REGISTER_CONNECTION, writeNothing);
    far.end();
    await expect(open).rejects.toMatchObject({ name: 'RpcFailure', answered: false });
    await expect(client.call(REGISTER_CONNECTION, writeNothing)).rejects.toBeInstanceOf(RpcFailure);
  });
});

describe('a server among peers that do not behave', () => {
  const play = (): { readonly peer: Duplex; readonly answers: ReturnType<typeof collect>; readonly calls: bigint[] } => {
    const [peer, far] = openPair();
    const calls: bigint[] = [];
    serveRpc(far, (interfaceId) => {
      calls.push(interfaceId);
      return Promise.resolve(writeNothing);
    });
    return { peer, answers: collect(peer), calls };
  };
  const onMain = { kind: 'import', id: 0 } as const;

  it('answers a call on what is not there with an exception', async () => {
    const { peer, answers, calls } = play();
    peer.write(frameCall(5, { kind: 'answer', questionId: 4, path: [] }, REGISTER_CONNECTION, writeNothing));
    expect(await answers.next()).toMatchObject({ kind: 'return', answerId: 5, outcome: { kind: 'exception', reason: 'rpc: target not found' } });
    expect(calls).toEqual([]);
  });

  it('says what it does not know', async () => {
    const { peer, answers } = play();
    // A Resolve message: nothing here makes promises.
    const resolve = Buffer.from(RECORDED.finishBootstrap, 'hex');
    resolve.writeUInt16LE(MESSAGE_KIND.resolve, 16);
    peer.write(resolve);
    expect(await answers.next()).toEqual({ kind: 'unimplemented' });
  });

  it('hangs up when a question is asked twice, or the bytes are none of its language', async () => {
    for (const wrong of [Buffer.concat([frameBootstrap(0), frameBootstrap(0)]), Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]) {
      const { peer, answers } = play();
      const ended = new Promise((resolve) => {
        peer.once('end', resolve);
      });
      peer.write(wrong);
      let message = await answers.next();
      if (message.kind === 'return') message = await answers.next();
      expect(message.kind).toBe('abort');
      await ended;
    }
  });

  it('keeps no more than so many questions open', async () => {
    const { peer, answers } = play();
    for (let id = 0; id < 65; id += 1) peer.write(frameCall(id, onMain, REGISTER_CONNECTION, writeNothing));
    const kinds: string[] = [];
    while (kinds.at(-1) !== 'abort') kinds.push((await answers.next()).kind);
    expect(kinds.filter((kind) => kind === 'return').length).toBeLessThanOrEqual(64);
  });

  it('lives through any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constant(frameBootstrap(0)), fc.constant(Buffer.from(RECORDED.register, 'hex'))), { maxLength: 8 }), async (chunks) => {
        const [peer, far] = duplexPair();
        serveRpc(far, () => Promise.resolve(writeNothing));
        peer.resume();
        for (const chunk of chunks) if (peer.writable) peer.write(chunk);
        peer.end();
        await new Promise(setImmediate);
        peer.destroy();
        far.destroy();
      }),
      { numRuns: 500 },
    );
  });
});
