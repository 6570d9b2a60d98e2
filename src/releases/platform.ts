import { SupervisorError } from '../core/errors.js';

/** One of the systems that cloudflared is released for. */
export interface Platform {
  /** As Go names them, and with it Cloudflare's update service. */
  readonly os: string;
  readonly arch: string;
  /** The file of a release that runs here. */
  readonly asset: string;
  /** `e_machine` of its ELF header. */
  readonly elfMachine: number;
}

/** By Node's name of the CPU. x64 is tested; of arm64 everything but the running of it. */
const CPUS: Readonly<Record<string, readonly [arch: string, elfMachine: number]>> = {
  x64: ['amd64', 62],
  arm64: ['arm64', 183],
  arm: ['arm', 40],
  ia32: ['386', 3],
};

/**
 * The release for this machine. Only Linux: elsewhere releases are archives, and there are package managers for them.
 * @throws SupervisorError PLATFORM_UNSUPPORTED
 */
export function releasePlatform(os: string = process.platform, cpu: string = process.arch): Platform {
  const [arch, elfMachine] = CPUS[cpu] ?? [];
  if (os !== 'linux' || arch === undefined || elfMachine === undefined) {
    throw new SupervisorError('PLATFORM_UNSUPPORTED', `No release of cloudflared is known for ${os} on ${cpu}.`);
  }
  return { os, arch, asset: `cloudflared-linux-${arch}`, elfMachine };
}

const MACHINES: ReadonlyMap<number, string> = new Map([...Object.values(CPUS).map(([arch, machine]) => [machine, arch] as const), [243, 'riscv64'], [21, 'ppc64'], [22, 's390x'], [8, 'mips']]);

/** For people. */
export const describeMachine = (elfMachine: number): string => MACHINES.get(elfMachine) ?? `ELF machine ${elfMachine}`;
