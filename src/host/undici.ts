import type { Dispatcher } from 'undici';

type RequestOptions = Omit<Dispatcher.RequestOptions, 'path' | 'origin' | 'method'> & Partial<Pick<Dispatcher.RequestOptions, 'method'>> & { readonly dispatcher: Dispatcher };

/**
 * What we use of undici, by its files and when it is first needed: its index loads fetch, WebSocket, caches and mocks
 * too, which cost an idle daemon 7 MB of 80. A test holds that these files are where they are expected.
 */
export async function loadUndici() {
  const [{ default: DispatcherBase }, { default: methods }, { default: Agent }, { default: ProxyAgent }, { default: buildConnector }] = await Promise.all([
    import('undici/lib/dispatcher/dispatcher.js'),
    import('undici/lib/api/index.js'),
    import('undici/lib/dispatcher/agent.js'),
    import('undici/lib/dispatcher/proxy-agent.js'),
    import('undici/lib/core/connect.js'),
  ]);
  // As its index does: dispatchers have their methods from here, and a proxy's tunnel is opened with one of them.
  Object.assign(DispatcherBase.prototype, methods);
  return { Agent, Dispatcher: DispatcherBase, ProxyAgent, buildConnector, request };
}

/** As undici's own: one request through the dispatcher; follows no redirection. */
async function request(target: string | URL, { dispatcher, ...options }: RequestOptions): Promise<Dispatcher.ResponseData> {
  const { origin, pathname, search } = new URL(target);
  return await dispatcher.request({ method: 'GET', ...options, origin, path: `${pathname}${search}` });
}
