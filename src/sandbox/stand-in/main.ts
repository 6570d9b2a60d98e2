#!/usr/bin/env node
import process from 'node:process';

import { Failure, messageOf } from './failure.js';
import { writeStandardError } from './log/sinks.js';
import { runProgram } from './program.js';

/** How the executable of install.ts tells where it is. */
const EXECUTABLE = '--stand-in=';

const [first = '', ...others] = process.argv.slice(2);
const executable = first.startsWith(EXECUTABLE) ? first.slice(EXECUTABLE.length) : undefined;

try {
  await runProgram(executable === undefined ? process.argv.slice(2) : others, executable);
  process.exit();
} catch (error) {
  const message = error instanceof Failure ? error.message : `the stand-in failed: ${error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`;
  if (message !== '') writeStandardError(`${message}\n`);
  process.exit(error instanceof Failure ? error.exitCode : 1);
}
