import { beforeEach, describe, expect, test } from 'vitest';

import type { Sandbox } from '../../../src/sandbox/sandbox.js';
import { apiCaller, apiCallerWith, codesOf, sandboxForTest, type ApiCaller } from './sandbox-fixture.js';

const ACCOUNTS = [{ name: 'One', zones: ['example.com', 'example.org'] }, { name: 'Two', zones: ['example.net'] }];
const SECRET = Buffer.alloc(32, 1).toString('base64');

let sandbox: Sandbox;
let call: ApiCaller;
let zoneId: string;
let accountId: string;
let tunnelsPath: string;
let recordsPath: string;

beforeEach(async () => {
  sandbox = await sandboxForTest({ cloudflared: null, accounts: ACCOUNTS });
  call = apiCaller(sandbox);
  const zone = sandbox.world.zones.find();
  zoneId = zone?.id ?? '';
  accountId = zone?.account.id ?? '';
  tunnelsPath = `accounts/${accountId}/cfd_tunnel`;
  recordsPath = `zones/${zoneId}/dns_records`;
});

describe('who may ask', () => {
  test.each<[string, string | undefined, number, number]>([
    ['nothing', undefined, 400, 9106],
    ['no bearer', 'Basic abc', 400, 6003],
    ['a token that is none', 'Bearer abc', 401, 1000],
  ])('%s', async (_what, header, status, code) => {
    const answer = await apiCallerWith(sandbox, header)('GET', 'zones');
    expect(answer).toMatchObject({ status, body: { success: false, result: null } });
    expect(codesOf(answer)).toEqual([code]);
  });

  test('a token sees its own zone and account only', async () => {
    const other = sandbox.world.zones.find('example.net');
    expect((await call('GET', 'zones')).body).toMatchObject({ result: [{ id: zoneId, name: 'example.com' }], result_info: { total_count: 1 } });
    expect(codesOf(await call('GET', `zones/${other?.id ?? ''}`))).toEqual([9109]);
    expect(codesOf(await call('GET', `zones/${other?.id ?? ''}/dns_records`))).toEqual([9109]);
    expect(codesOf(await call('GET', `accounts/${other?.account.id ?? ''}/cfd_tunnel`))).toEqual([10000]);
  });

  test('each right is a switch', async () => {
    const calls = { tunnels: ['GET', tunnelsPath], zoneRead: ['GET', `zones/${zoneId}`], dnsRead: ['GET', recordsPath], dnsEdit: ['DELETE', `${recordsPath}/x`] } as const;
    for (const [right, [method, path]] of Object.entries(calls)) {
      sandbox.world.tokens.setRights({ [right]: false });
      expect((await call(method, path)).status, right).toBe(403);
      sandbox.world.tokens.setRights({ [right]: true });
      expect((await call(method, path)).status, right).not.toBe(403);
    }
  });

  test('routing a name needs no right to edit DNS', async () => {
    sandbox.world.tokens.setRights({ dnsRead: false, dnsEdit: false, zoneRead: false });
    const tunnel = sandbox.world.tunnels.create(accountId, 'x');
    const answer = await call('PUT', `zones/${zoneId}/tunnels/${tunnel.id}/routes`, { type: 'dns', user_hostname: 'app.example.com' });
    expect(answer.body).toMatchObject({ success: true, result: { cname: 'new', name: 'app.example.com' } });
  });
});

test('paths, methods and bodies that are none are refused, and the next call is served', async () => {
  expect(codesOf(await call('GET', 'zones/x/y'))).toEqual([7003, 7000]);
  expect((await call('PUT', 'zones')).status).toBe(405);
  expect(codesOf(await call('POST', recordsPath, '{"type":'))).toEqual([6007]);
  expect(codesOf(await call('POST', recordsPath, { type: 'A' }))).toEqual([9207]);
  expect((await call('POST', recordsPath, 'x'.repeat(5_000_000))).status).toBe(413);
  expect((await call('GET', 'zones')).status).toBe(200);
});

describe('tunnels', () => {
  test('are created with a secret of their own, read, tokened and deleted', async () => {
    const created = await call('POST', tunnelsPath, { name: 'home', tunnel_secret: SECRET });
    expect(created.body.result).toMatchObject({
      name: 'home', account_tag: accountId, deleted_at: null, status: 'inactive', connections: [],
      credentials_file: { AccountTag: accountId, TunnelSecret: SECRET },
    });
    const { id } = created.body.result as { id: string };
    const { body: { result: token } } = await call('GET', `${tunnelsPath}/${id}/token`);
    expect(JSON.parse(Buffer.from(token, 'base64').toString())).toEqual({ a: accountId, t: id, s: SECRET });

    expect((await call('POST', tunnelsPath, { name: 'home' })).status).toBe(409);
    expect((await call('DELETE', `${tunnelsPath}/${id}`)).body.result).toMatchObject({ id });
    expect((await call('GET', `${tunnelsPath}/${id}`)).body.result).toMatchObject({ deleted_at: expect.any(String) as string });
    expect((await call('GET', `${tunnelsPath}/${id}/token`)).status).toBe(404);
    expect((await call('GET', `${tunnelsPath}/${id}/connections`)).status).toBe(404);
    expect((await call('POST', tunnelsPath, { name: 'home' })).status).toBe(200);
  });

  test('are listed by filter and page', async () => {
    for (const name of ['a-1', 'a-2', 'a-3', 'b-1']) await call('POST', tunnelsPath, { name });
    const gone = sandbox.world.tunnels.create(accountId, 'a-4');
    sandbox.world.tunnels.delete(gone.id);
    const names = async (query: string): Promise<unknown> => ((await call('GET', `${tunnelsPath}?${query}`)).body.result as { name: string }[]).map(({ name }) => name);
    expect(await names('')).toEqual(['a-4', 'b-1', 'a-3', 'a-2', 'a-1']);
    expect(await names('is_deleted=false&include_prefix=a-')).toEqual(['a-3', 'a-2', 'a-1']);
    expect(await names('is_deleted=true')).toEqual(['a-4']);
    expect(await names('name=a-2')).toEqual(['a-2']);
    expect(await names(`uuid=${gone.id}`)).toEqual(['a-4']);
    expect(await names('exclude_prefix=a-')).toEqual(['b-1']);
    const page = await call('GET', `${tunnelsPath}?is_deleted=false&per_page=3&page=2`);
    expect(page.body).toMatchObject({ result: [{ name: 'a-1' }], result_info: { page: 2, per_page: 3, count: 1, total_count: 4, total_pages: 2 } });
  });
});

describe('DNS records', () => {
  const cname = (name: string, content = 'x.cfargotunnel.com'): unknown => ({ type: 'CNAME', name, content, proxied: true, comment: 'ours' });

  test('are created, read, replaced, patched and deleted', async () => {
    const created = await call('POST', recordsPath, cname('app.example.com'));
    expect(created.body.result).toMatchObject({ name: 'app.example.com', zone_id: zoneId, ttl: 1, proxied: true, proxiable: true, comment: 'ours', tags: [] });
    const { id } = created.body.result as { id: string };
    expect((await call('PUT', `${recordsPath}/${id}`, cname('app.example.com', 'y.cfargotunnel.com'))).body.result).toMatchObject({ id, content: 'y.cfargotunnel.com' });
    expect((await call('PATCH', `${recordsPath}/${id}`, { comment: 'theirs' })).body.result).toMatchObject({ comment: 'theirs', content: 'y.cfargotunnel.com' });
    expect(codesOf(await call('POST', recordsPath, cname('app')))).toEqual([81053]);
    expect((await call('DELETE', `${recordsPath}/${id}`)).body.result).toEqual({ id });
    expect(codesOf(await call('DELETE', `${recordsPath}/${id}`))).toEqual([81044]);
    expect((await call('GET', `${recordsPath}/${id}`)).status).toBe(404);
  });

  test('are listed by filter and page', async () => {
    for (const name of ['a', 'b', '*.a', 'c']) await call('POST', recordsPath, cname(name, `${name.replace('*.', '')}.example.net`));
    await call('POST', recordsPath, { type: 'TXT', name: 'a', content: 'text' });
    const found = async (query: string): Promise<unknown> => ((await call('GET', `${recordsPath}?${query}`)).body.result as { type: string; name: string }[]).map(({ type, name }) => `${type} ${name}`);
    expect(await found('name=a.example.com')).toEqual(['CNAME a.example.com', 'TXT a.example.com']);
    expect(await found('name.exact=A.example.com&type=cname')).toEqual(['CNAME a.example.com']);
    expect(await found('name=*.a.example.com')).toEqual(['CNAME *.a.example.com']);
    expect(await found('content=b.example.net')).toEqual(['CNAME b.example.com']);
    expect(await found('comment=ours&proxied=true')).toHaveLength(4);
    expect(await found('comment.absent')).toEqual(['TXT a.example.com']);
    expect(await found('match=any&name=b.example.com&content=text')).toEqual(['CNAME b.example.com', 'TXT a.example.com']);
    expect(await found('search=text')).toEqual(['TXT a.example.com']);
    expect((await call('GET', `${recordsPath}?per_page=2&page=3`)).body).toMatchObject({ result: [{ type: 'TXT' }], result_info: { total_count: 5, total_pages: 3 } });
  });

  test('are changed as a batch, all or nothing', async () => {
    const old = (await call('POST', recordsPath, cname('old'))).body.result as { id: string };
    const failing = await call('POST', `${recordsPath}/batch`, { deletes: [{ id: old.id }], posts: [cname('new'), cname('new')] });
    expect(codesOf(failing)).toEqual([81058]);
    expect(sandbox.world.records.list().map(({ name }) => name)).toEqual(['old.example.com']);
    const done = await call('POST', `${recordsPath}/batch`, { deletes: [{ id: old.id }], posts: [cname('new')], patches: null });
    expect(done.body.result).toMatchObject({ deletes: [{ id: old.id }], posts: [{ name: 'new.example.com' }], patches: [], puts: [] });
  });
});

describe('routes', () => {
  test('a name is routed, unchanged the second time, appended when outside the zone, and a conflict where somebody has it', async () => {
    const tunnel = sandbox.world.tunnels.create(accountId, 'x');
    const route = async (hostname: string, overwrite = false): Promise<Awaited<ReturnType<ApiCaller>>> =>
      call('PUT', `zones/${zoneId}/tunnels/${tunnel.id}/routes`, { type: 'dns', user_hostname: hostname, overwrite_existing: overwrite });
    expect((await route('app.example.com')).body.result).toMatchObject({ cname: 'new' });
    expect((await route('app.example.com')).body.result).toMatchObject({ cname: 'unchanged' });
    expect((await route('app.other.test')).body.result).toMatchObject({ cname: 'new', name: 'app.other.test.example.com' });
    const zone = sandbox.world.zones.find();
    if (zone === undefined) throw new Error('no zone');
    sandbox.world.records.create(zone, { type: 'A', name: 'www', content: '192.0.2.1' });
    sandbox.world.records.create(zone, { type: 'A', name: 'www', content: '192.0.2.2' });
    expect(codesOf(await route('www.example.com'))).toEqual([1003]);
    expect((await route('www.example.com', true)).body.result).toMatchObject({ cname: 'updated' });
    expect(sandbox.world.records.named('www.example.com')).toMatchObject([{ type: 'CNAME', content: `${tunnel.id}.cfargotunnel.com`, proxied: true }]);
    sandbox.world.tunnels.delete(tunnel.id);
    expect((await route('late.example.com')).status).toBe(404);
  });
});
