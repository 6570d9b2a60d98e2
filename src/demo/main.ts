#!/usr/bin/env node
import { listenForInterruption } from '../measure/interruption.js';
import { readArguments } from '../measure/read-arguments.js';
import { Narrator } from './narrator.js';
import { tellStory, type DemoResult } from './story.js';

/** `npm run demo [-- --json] [-- --manual]`: the main job on the sandbox, from login to removal. */
const values = readArguments({
  json: { type: 'boolean', default: false },
  manual: { type: 'boolean', default: false },
}, 'npm run demo -- [--json] [--manual]');

const interruption = listenForInterruption();
const narrator = new Narrator(values.json);
const result = await tellStory({ narrator, manual: values.manual, signal: interruption.signal });
summarize(result);
if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = interruption.exitCode() ?? (result.ok ? 0 : 1);

function summarize({ ok, cloudflared, requests, lost, applyMs, floorMs, recoveryMs, failure }: DemoResult): void {
  const ms = (value: number | null): string => (value === null ? 'not measured' : `${String(Math.round(value))} ms`);
  const ratio = applyMs === null || floorMs === null ? '' : ` (${(applyMs / floorMs).toFixed(2)} × the floor)`;
  narrator.say('');
  narrator.say(`cloudflared   ${cloudflared === null ? 'unknown' : `${cloudflared.version}, ${cloudflared.kind}`}`);
  narrator.say(`requests      ${String(requests)}, lost ${String(lost)}`);
  narrator.say(`apply         ${ms(applyMs)}${ratio}`);
  narrator.say(`floor         ${ms(floorMs)}: the same cloudflared from spawn to ready`);
  narrator.say(`recovery      ${ms(recoveryMs)} after SIGKILL of the connector`);
  narrator.say(ok ? '\nEverything held.' : `\nNot everything held: ${failure ?? ''}`);
}
