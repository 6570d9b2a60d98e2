import type { Context } from '../command-line/context.js';
import type { Config } from '../config/config.js';
import { DEFAULT_ORIGIN_OPTIONS, EMPTY_ORIGIN_OPTIONS, type OriginOptions } from '../ingress/origin-options.js';
import { NoIngressRules, parseIngress, type Ingress, type Rule } from '../ingress/parse-ingress.js';
import { parseService, type Service } from '../ingress/service.js';
import type { Logger } from '../log/logger.js';

const NO_RULES = 'No ingress rules were defined in provided config (if any) nor from the cli, cloudflared will return 503 for all incoming HTTP requests';

const onlyRule = (service: Service, options: OriginOptions): Rule => ({ hostname: '', asciiHostname: undefined, path: '', pathPattern: undefined, service, options });

function serviceOfFlags(context: Context): Service | undefined {
  if (context.isSet('hello-world')) return parseService('hello_world', false);
  if (context.isSet('bastion')) return parseService('bastion', false);
  if (context.isSet('url')) return parseService(context.text('url'), false);
  return context.isSet('unix-socket') ? parseService(`unix:${context.text('unix-socket')}`, false) : undefined;
}

/** The rules of the file, else the one origin of the flags, else 503 for everybody. */
export function chooseIngress(context: Context, config: Config, log: Logger): Ingress {
  try {
    return parseIngress(config);
  } catch (error) {
    if (!(error instanceof NoIngressRules)) throw error;
  }
  const service = serviceOfFlags(context);
  if (service !== undefined) {
    const options = { ...DEFAULT_ORIGIN_OPTIONS, noTLSVerify: context.isOn('no-tls-verify'), httpHostHeader: context.text('http-host-header') };
    return { rules: [onlyRule(service, options)], defaults: options };
  }
  if (!context.isSet('token')) log.warn(NO_RULES);
  return { rules: [onlyRule(parseService('http_status:503', false), EMPTY_ORIGIN_OPTIONS)], defaults: DEFAULT_ORIGIN_OPTIONS };
}
