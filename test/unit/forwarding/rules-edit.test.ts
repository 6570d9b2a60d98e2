import { describe, expect, test } from 'vitest';
import { addRule, removeRule, replaceRules, type StoredRules } from '../../../src/forwarding/rules-edit.js';

const a = { hostname: 'a.example.com', destination: 'http://localhost:1' };
const api = { hostname: 'a.example.com', path: '/api', destination: 'http://localhost:2' };
const away = { hostname: 'x.example.org', destination: 'http://localhost:3' };
const stored: StoredRules = { rules: [a, api], setAside: [away] };

describe('adding', () => {
  test('goes to the end', () => {
    const rule = { hostname: 'b.example.com', destination: 'http://localhost' };
    expect(addRule(rule, { replace: false })(stored)).toEqual({ rules: [a, api, rule], setAside: [away], focus: 2 });
  });

  test('of the same name with another path is another rule', () => {
    expect(addRule({ ...a, path: '/apiary' }, { replace: false })(stored).rules).toHaveLength(3);
  });

  test.each([
    ['in other letters', { ...api, hostname: 'A.Example.COM.', destination: 'http://localhost:9' }],
    ['with a slash at the end', { ...api, path: '/api/', destination: 'http://localhost:9' }],
    ['in another encoding', { ...api, path: '/%61pi', destination: 'http://localhost:9' }],
  ])('the same %s changes it in its place, where asked to', (_, rule) => {
    expect(addRule(rule, { replace: true })(stored)).toEqual({ rules: [a, rule], setAside: [away], focus: 1 });
    expect(() => addRule(rule, { replace: false })(stored)).toThrow(expect.objectContaining({ code: 'RULE_EXISTS', message: 'a.example.com/api leads to http://localhost:2 already' }) as Error);
  });

  test('what is there already is no conflict', () => {
    expect(addRule({ ...a, path: '/', destination: 'HTTP://localhost:1/' }, { replace: false })(stored).rules).toHaveLength(2);
    expect(() => addRule({ ...a, originRequest: { noTLSVerify: true } }, { replace: false })(stored)).toThrow();
  });

  test('a name that is set aside takes it out of there', () => {
    expect(addRule(away, { replace: false })(stored)).toEqual({ rules: [a, api, away], setAside: [], focus: 2 });
  });

  test('what cannot be read is left to the validation', () => {
    expect(addRule({ hostname: '', destination: '' }, { replace: false })(stored).rules).toHaveLength(3);
  });
});

describe('removing', () => {
  test('one rule, by name and path', () => {
    expect(removeRule({ hostname: 'a.example.com' })(stored)).toEqual({ rules: [api], setAside: [away] });
    expect(removeRule({ hostname: 'A.example.com.', path: '/api/' })(stored)).toEqual({ rules: [a], setAside: [away] });
  });

  test('one that is set aside', () => {
    expect(removeRule({ hostname: 'x.example.org' })(stored)).toEqual({ rules: [a, api], setAside: [] });
  });

  test('one that is not there', () => {
    expect(() => removeRule({ hostname: 'a.example.com', path: '/other' })(stored)).toThrow(expect.objectContaining({ code: 'RULE_UNKNOWN' }) as Error);
  });
});

describe('replacing all', () => {
  test('drops what is set aside, unless it is to be kept', () => {
    expect(replaceRules([a], { keepSetAside: false })(stored)).toEqual({ rules: [a], setAside: [] });
    expect(replaceRules([a], { keepSetAside: true })(stored)).toEqual({ rules: [a], setAside: [away] });
    expect(replaceRules([{ ...away, hostname: 'X.example.org' }], { keepSetAside: true })(stored).setAside).toEqual([]);
  });

  test('takes any list; what is wrong with it is found later', () => {
    for (const list of [undefined, null, 7, 'x', {}, [null, 7, { hostname: 1 }, { path: [] }]]) expect(replaceRules(list, { keepSetAside: true })(stored)).toEqual({ rules: list, setAside: [away] });
  });
});
