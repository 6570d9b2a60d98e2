/**
 * The three calls of the (never standardized) `Reflect` metadata proposal that the certificate library's
 * dependency container asks for. It uses them to register its algorithms, and refuses to load without them;
 * nothing here is of use to anybody else, so a whole polyfill would be more than is needed.
 */
interface MetadataReflect {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
}

export function installReflectMetadata(): void {
  const reflect = Reflect as MetadataReflect;
  // Somebody else's polyfill is in place: theirs is more complete than ours.
  if (reflect.getMetadata !== undefined) return;
  const store = new WeakMap<object, Map<unknown, unknown>>();
  const getOwn = (key: unknown, target: object): unknown => store.get(target)?.get(key);
  reflect.getOwnMetadata = getOwn;
  reflect.getMetadata = (key, target) => {
    for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
      if (store.get(at)?.has(key) === true) return getOwn(key, at);
    }
    return undefined;
  };
  reflect.defineMetadata = (key, value, target) => {
    const entries = store.get(target) ?? new Map<unknown, unknown>();
    entries.set(key, value);
    store.set(target, entries);
  };
}
