import { BUILT } from './dist/modules/host/package-files.js';

// Of the hundreds of modules that the compiler writes a program loads a handful of files: it starts in two thirds of the time.
export default {
  input: Object.fromEntries(BUILT.map((name) => [name, `dist/modules/${name}.js`])),
  platform: 'node',
  // What is installed beside us is no part of us.
  external: /^[^./]/,
  output: { dir: 'dist', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js', cleanDir: false },
};
