import { describe, expect, test, type TestContext } from 'vitest';

import { describeContract, type Program } from './programs.js';
import { lastLine, runToEnd, type Ending } from './run-to-end.js';
import { Scratch } from './scratch.js';

const CATCH_ALL = '  - service: http_status:404\n';

async function validate(program: Program, context: TestContext, yaml: string): Promise<Ending & { readonly config: string }> {
  const scratch = new Scratch(context);
  const config = scratch.write('config.yml', yaml);
  return { ...(await runToEnd(program, ['tunnel', '--config', config, 'ingress', 'validate'], scratch.environment())), config };
}

const rule = (fields: Readonly<Record<string, unknown>>): string => `ingress:\n  - ${JSON.stringify(fields)}\n${CATCH_ALL}`;
const forService = (service: string): string => rule({ hostname: 'a.example.com', service });
const forHostname = (hostname: string): string => rule({ hostname, service: 'http://a' });
const forPath = (path: string): string => rule({ path, service: 'http://a' });

const BAD_ADDRESS = 'is an invalid address, please make sure it has a scheme and a hostname';
const BAD_PATH = "is an invalid address, ingress rules don't support proxying to a different path on the origin service. The path will be the same as the eyeball request's path";
const BAD_WILDCARD = 'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"';
const BAD_REGEX = 'Rule #1 has an invalid regex: error parsing regexp:';

describeContract('ingress validate', (program) => {
  test('says OK of good rules', async (context) => {
    const { config, ...ending } = await validate(program, context, forService('http://localhost:8000'));
    expect(ending).toEqual({ code: 0, signal: null, stdout: `Validating rules from ${config}\nOK\n`, stderr: '' });
  });

  test.for([
    'https://localhost', 'ws://a:1', 'wss://a', 'tcp://a:1', 'ssh://a', 'rdp://a', 'smb://a', 'http://[::1]:80', 'HTTP://a', 'unix:/x', 'unix+tls:/x', 'hello_world', 'hello-world',
    'socks-proxy', 'bastion', 'http_status:100', 'http_status:999',
    // What it should not accept, and does.
    'foo://x', 'http://a:99999', 'http://a?q=1', 'http://a#f', 'http://u:p@a', 'http://a:',
  ])('accepts the service %s', async (service, context) => {
    expect(await validate(program, context, forService(service))).toMatchObject({ code: 0, stderr: '' });
  });

  test.for<[service: string, message: string]>([
    ['http://localhost:8000/', `http://localhost:8000/ ${BAD_PATH}`],
    ['http://localhost:8000/x', `http://localhost:8000/x ${BAD_PATH}`],
    ['localhost:8000', `localhost:8000 ${BAD_ADDRESS}`],
    ['localhost', `localhost ${BAD_ADDRESS}`],
    ['', ` ${BAD_ADDRESS}`],
    ['http://', `http:// ${BAD_ADDRESS}`],
    ['http:a', `http:a ${BAD_ADDRESS}`],
    ['http://:80', `http://:80 ${BAD_ADDRESS}`],
    ['//host:80', `//host:80 ${BAD_ADDRESS}`],
    ['127.0.0.1:8000', 'parse "127.0.0.1:8000": first path segment in URL cannot contain colon'],
    ['http://[::1', `parse "http://[::1": missing ']' in host`],
    ['http://a b', 'parse "http://a b": invalid character " " in host name'],
    ['http://a:port', 'parse "http://a:port": invalid port ":port" after host'],
    ['http://::1', 'parse "http://::1": invalid port "::1" after host'],
    ['http://a%zz', 'parse "http://a%zz": invalid URL escape "%zz"'],
    ['http://a\u0001', 'parse "http://a\\x01": net/url: invalid control character in URL'],
    [':80', 'parse ":80": missing protocol scheme'],
    ['http_status:99', 'invalid HTTP status code: 99'],
    ['http_status:1000', 'invalid HTTP status code: 1000'],
    ['http_status:abc', 'invalid HTTP status code: strconv.Atoi: parsing "abc": invalid syntax'],
  ])('refuses the service "%s"', async ([service, message], context) => {
    expect(await validate(program, context, forService(service))).toMatchObject({ code: 1, stderr: `Validation failed: ${message}\n` });
  });

  test.for(['a.example.com', '*.example.com', 'EXAMPLE.com', 'münchen.example', '*example.com', 'a b', 'a:b:c'])('accepts the hostname "%s"', async (hostname, context) => {
    expect(await validate(program, context, forHostname(hostname))).toMatchObject({ code: 0, stderr: '' });
  });

  test.for<[hostname: string, message: string]>([
    ['a.example.com:80', 'Hostname cannot contain a port'],
    ['a.*.com', BAD_WILDCARD],
    ['*.*.com', BAD_WILDCARD],
    ['*', "Rule #1 is matching the hostname '*', but this will match every hostname, meaning the rules which follow it will never be triggered."],
    ['', "Rule #1 is matching the hostname '', but this will match every hostname, meaning the rules which follow it will never be triggered."],
  ])('refuses the hostname "%s"', async ([hostname, message], context) => {
    expect(await validate(program, context, forHostname(hostname))).toMatchObject({ code: 1, stderr: `Validation failed: ${message}\n` });
  });

  test.for(['^/api(/|$)', '\\.(jpg|png)$', '(?i)x', '[[:alpha:]]+', '\\pL', '\\Q.\\E', 'x{,2}', '^*', '(?P<n>x)'])('accepts the path %s', async (path, context) => {
    expect(await validate(program, context, forPath(path))).toMatchObject({ code: 0, stderr: '' });
  });

  test.for<[path: string, message: string]>([
    ['(', 'missing closing ): `(`'],
    [')', 'unexpected ): `)`'],
    ['[a', 'missing closing ]: `[a`'],
    ['[z-a]', 'invalid character class range: `z-a`'],
    ['a**', 'invalid nested repetition operator: `**`'],
    ['*', 'missing argument to repetition operator: `*`'],
    ['a{2,1}', 'invalid repeat count: `{2,1}`'],
    ['(?=x)', 'invalid or unsupported Perl syntax: `(?=`'],
    ['(?<!x)', 'invalid named capture: `(?<!x)`'],
    ['\\1', 'invalid escape sequence: `\\1`'],
    ['\\', 'trailing backslash at end of expression: ``'],
  ])('refuses the path %s', async ([path, message], context) => {
    expect(await validate(program, context, forPath(path))).toMatchObject({ code: 1, stderr: `Validation failed: ${BAD_REGEX} ${message}\n` });
  });

  describe.concurrent('the file as a whole', () => {
    test.for<[what: string, yaml: string, message: string]>([
      ['no rules', '{}\n', "Validation failed: The config file doesn't contain any ingress rules"],
      ['no catch-all at the end', 'ingress:\n  - hostname: a.com\n    service: http://a\n', 'Validation failed: The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)'],
      ['broken YAML', 'a: [\n', 'error parsing YAML in config file at '],
      ['rules that are none', 'ingress: x\n', 'cannot unmarshal !!str `x` into []config.UnvalidatedIngressRule'],
      ['a rule that is text', `ingress:\n  - http_status:404\n`, 'line 2: cannot unmarshal !!str `http_st...` into config.UnvalidatedIngressRule'],
      ['a duration without a unit', 'ingress:\n  - service: http_status:404\n    originRequest:\n      connectTimeout: 30\n', 'line 4: cannot unmarshal !!int `30` into time.Duration'],
      ['a flag of the wrong type', `loglevel: 5\ningress:\n${CATCH_ALL}`, 'expected string found int for loglevel'],
      ['an empty file', '', 'No configuration file was found. Please create one, or use the --config flag to specify its filepath.'],
      ['access without a team', `ingress:\n  - service: http_status:404\n    originRequest: {access: {required: true, audTag: [a]}}\n`, 'Validation failed: access.TeamName cannot be blank when access.audTags are present'],
    ])('refused: %s', async ([, yaml, message], context) => {
      const ending = await validate(program, context, yaml);
      expect(ending.code).toBe(1);
      expect(ending.stderr).toContain(message);
    });

    test('a file that is not there', async (context) => {
      const ending = await runToEnd(program, ['tunnel', '--config', '/nonexistent.yml', 'ingress', 'validate'], new Scratch(context).environment());
      expect(ending).toMatchObject({ code: 1, stderr: 'open /nonexistent.yml: no such file or directory\n' });
    });

    test('unknown keys of a rule are a warning in place of the OK', async (context) => {
      const ending = await validate(program, context, 'ingress:\n  - service: http_status:404\n    foo: 1\n    originRequest:\n      bar: 2\n');
      expect(ending).toMatchObject({ code: 0, stderr: '' });
      expect(ending.stdout).not.toContain('OK');
      expect(ending.stdout.split('\n').slice(1, 5)).toEqual([
        'Warning: unused keys detected in your config file. Here is a list of unused keys:',
        'yaml: unmarshal errors:',
        '  line 3: field foo not found in type config.UnvalidatedIngressRule',
        '  line 5: field bar not found in type config.OriginRequestConfig',
      ]);
    });

    test('unknown keys of the top level are not noticed, nor a CA pool that is missing, nor a name twice', async (context) => {
      const yaml = `zort: 1\ningress:\n  - {hostname: a.com, service: "http://a", originRequest: {caPool: /nonexistent, noTLSVerify: yes}}\n  - {hostname: a.com, service: "http://b"}\n${CATCH_ALL}`;
      expect((await validate(program, context, yaml)).stdout).toMatch(/\nOK\n$/u);
    });

    test('--url beside rules is refused', async (context) => {
      const scratch = new Scratch(context);
      const config = scratch.write('config.yml', `ingress:\n${CATCH_ALL}`);
      const ending = await runToEnd(program, ['tunnel', '--config', config, '--url', 'http://x', 'ingress', 'validate'], scratch.environment());
      expect(ending.code).toBe(1);
      expect(lastLine(ending)).toContain("You can't set the --url flag");
    });
  });

  test('ingress rule says which rule a URL meets', async (context) => {
    const scratch = new Scratch(context);
    const config = scratch.write('config.yml', `ingress:\n  - {hostname: "*.example.com", path: "^/api(/|$)", service: "http://a:1"}\n${CATCH_ALL}`);
    const ask = async (url: string): Promise<string> => (await runToEnd(program, ['tunnel', '--config', config, 'ingress', 'rule', url], scratch.environment())).stdout;
    expect(await ask('https://x.example.com/api/1')).toBe(`Using rules from ${config}\nMatched rule #0\n\thostname: *.example.com\n\tpath: ^/api(/|$)\n\tservice: http://a:1\n`);
    expect(await ask('https://x.example.com/apix')).toBe(`Using rules from ${config}\nMatched rule #1\n\tservice: http_status:404\n`);
    expect(await ask('https://example.com/api')).toContain('Matched rule #1');
  });
});
