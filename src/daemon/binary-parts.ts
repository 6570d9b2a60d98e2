import { createBinaryFinder, markOf, type Binary, type BinarySearch } from '../cloudflared/find.js';
import type { ProcessContext } from './process-context.js';

export interface BinaryFinder {
  readonly find: () => Promise<Binary>;
  /** For the start of a connector: the one that it will be served with. */
  readonly findForConnector: () => Promise<Binary>;
  /** The one that was found last; undefined until somebody needed it. */
  readonly last: () => Binary | undefined;
  /** What connectors are served with: not what is only being tried. */
  readonly served: () => Binary | undefined;
  /** Whether this file is the very one that they were started with. */
  readonly isServed: (binary: Binary) => boolean;
  /** The one that was tried serves, and has this place now. */
  readonly noteServed: (binary: Binary) => void;
  readonly search: BinarySearch;
}

export function createBinaryParts({ options, places, environment, childEnvironment }: ProcessContext): BinaryFinder {
  const search: BinarySearch = { given: options.cloudflared, own: places.paths.binary, path: environment['PATH'], env: childEnvironment };
  const finder = createBinaryFinder(search);
  let last: Binary | undefined;
  let served: { readonly binary: Binary; readonly mark: string } | undefined;

  const find = async (): Promise<Binary> => {
    last = await finder.find();
    return last;
  };
  const noteServed = (binary: Binary): void => {
    served = { binary, mark: markOf(binary.path) };
  };
  return {
    search,
    find,
    findForConnector: async () => {
      const binary = await find();
      noteServed(binary);
      return binary;
    },
    last: () => last,
    served: () => served?.binary,
    isServed: ({ path }) => served?.binary.path === path && served.mark === markOf(path),
    noteServed,
  };
}
