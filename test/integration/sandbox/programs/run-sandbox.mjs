// The sandbox's command as a program of its own: argv[2] is its options as JSON.
import { runSandbox } from '../../../../dist/modules/sandbox/command.js';

process.exitCode = await runSandbox(/** @type {import('../../../../dist/modules/sandbox/command.js').SandboxCommandOptions} */ (JSON.parse(process.argv[2] ?? '{}')));
