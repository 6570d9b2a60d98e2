import { showCommandLine } from './parse/invocation.js';
import type { ProcessReport } from './report.js';
import { listSurveyProcesses } from './survey/system-processes.js';

/** Processes that somebody started in the place of those that were stopped: with their very words. */
export function findRestarted(stopped: readonly ProcessReport[]): readonly number[] {
  const known = new Set(stopped.map(({ pid, startTime }) => `${pid} ${startTime}`));
  const words = new Set(stopped.map(({ commandLine }) => commandLine));
  return listSurveyProcesses()
    .filter(({ pid, startTime, argv }) => !known.has(`${pid} ${startTime}`) && words.has(showCommandLine(argv)))
    .map(({ pid }) => pid);
}
