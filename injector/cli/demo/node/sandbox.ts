import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { systemCode } from "../../../../sidecar/kit/errors.ts";
import type { Cleanup } from "../cleanup.ts";
import type { Environment } from "./expand.ts";
import { installPrograms } from "./programs.ts";
import { containerScript, type Mount, type Privileges } from "./script.ts";

/** Where a container's processes run: its files, its user, and the pod's network where there is one. */
export interface Sandbox {
  /** Folder of our own programs, first in PATH. */
  readonly programs: string;
  /** An empty home: the person's own ~/.aws must not be found there. */
  readonly home: string;
  /** A folder for files of this container's own, such as its volumes. */
  readonly folder: (name: string) => Promise<string>;
  readonly prepare: (container: Confinement) => Promise<Prepared>;
}

/** What a container asks for besides its command. */
interface Confinement {
  readonly name: string;
  readonly mounts: readonly Mount[];
  readonly privileges: Privileges;
}

/** A container that commands can be run in. */
export interface Prepared {
  readonly command: (argv: readonly string[]) => readonly string[];
  /** The environment, with paths put where they are to be found. */
  readonly environment: (env: Environment) => Environment;
  readonly terminationMessage: () => Promise<string>;
}

const TERMINATION_LOG = "/dev/termination-log";
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];
const STREAMS = { fd: "/proc/self/fd", stdin: "/proc/self/fd/0", stdout: "/proc/self/fd/1" };

/** In a mount namespace the sandbox's folder is /tmp: the host's may be closed to the containers' users. */
const INSIDE = "/tmp";

/**
 * @param dist folder of the built programs
 * @param inPod what enters the pod's network namespace; undefined: everything runs as it is, as whoever runs the demo,
 *   and paths of mounts are mapped into a temporary folder
 */
export async function makeSandbox(
  dist: string,
  inPod: readonly string[] | undefined,
  cleanup: Cleanup,
): Promise<Sandbox> {
  const root = await mkdtemp(join(await realpath(tmpdir()), "podrole-demo-"));
  cleanup.add(() => rm(root, { recursive: true, force: true }));
  // Containers run as users of their own and have to get through here. Nothing in it is secret outside this demo.
  await chmod(root, 0o755);
  const folder = async (name: string): Promise<string> => {
    const path = join(root, name);
    // Not by `mode`, which the umask of whoever runs this would narrow.
    await mkdir(path, { recursive: true });
    for (let part = path; part !== root; part = dirname(part)) await chmod(part, 0o755);
    return path;
  };
  const seenAs = inPod === undefined ? root : INSIDE;
  const [programs, home] = [join(seenAs, "programs"), join(seenAs, "home")];
  await folder("home");
  const binds = await installPrograms(dist, await folder("programs"), programs, inPod !== undefined);
  // A container that is started again starts with fresh files.
  let count = 0;
  const fresh = (name: string) => folder(`containers/${(count += 1)}-${name}`);
  return {
    programs,
    home,
    folder,
    prepare: async (one) => {
      const own = await fresh(one.name);
      if (inPod === undefined) return prepareMapped(one, own);
      return prepareIsolated(one, inPod, [...binds, { from: root, to: INSIDE }], own);
    },
  };
}

async function prepareIsolated(
  { name, mounts, privileges }: Confinement,
  inPod: readonly string[],
  binds: readonly Mount[],
  own: string,
): Promise<Prepared> {
  const dev = join(own, "dev");
  await mkdir(dev);
  await chmod(dev, 0o755);
  const log = join(dev, "termination-log");
  await Promise.all([
    ...DEVICES.map((device) => writeFile(join(dev, device), "")),
    ...Object.entries(STREAMS).map(([stream, target]) => symlink(target, join(dev, stream))),
    writeFile(log, "").then(() => chmod(log, 0o666)),
  ]);
  const veils = await Promise.all(mounts.map(({ to }) => deepestExisting(to)));
  const script = containerScript({
    dev,
    devices: DEVICES,
    binds,
    veils: [...new Set(veils)],
    mounts,
    privileges,
  });
  const unshare = ["unshare", "--mount", "--propagation", "private", "--"];
  return {
    command: (argv) => [...inPod, ...unshare, "sh", "-c", script, name, ...argv],
    environment: (env) => env,
    terminationMessage: () => readFile(log, "utf8"),
  };
}

async function prepareMapped({ mounts }: Confinement, own: string): Promise<Prepared> {
  const log = join(own, "termination-log");
  await writeFile(log, "");
  const moves: readonly Mount[] = [...mounts, { from: log, to: TERMINATION_LOG }];
  return {
    command: (argv) => argv,
    environment: (env) => mapPaths(env, moves),
    terminationMessage: () => readFile(log, "utf8"),
  };
}

/**
 * The environment with every path below one of the mounts put where the mount's files really are: a whole value, or a text in a
 * value that is JSON.
 */
export const mapPaths = (env: Environment, moves: readonly Mount[]): Environment =>
  Object.fromEntries(
    Object.entries(env).map(([key, value]) => {
      const move = moves.find(({ to }) => value === to || value.startsWith(`${to}/`));
      if (move !== undefined) return [key, move.from + value.slice(move.to.length)];
      return [key, moves.reduce((text, { from, to }) => text.replaceAll(`"${to}/`, `"${from}/`), value)];
    }),
  );

/** The part of a path that the host has, symbolic links resolved: the rest is made on a file system laid over it. */
async function deepestExisting(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    return deepestExisting(dirname(path));
  }
}
