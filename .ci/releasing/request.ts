import { join, resolve } from "node:path";

/** What the tree and the machine are like. */
export interface Facts {
  /** The folder that relative paths start from. */
  readonly cwd: string;
  readonly root: string;
  /** The version by the file that names it. */
  readonly versions: Readonly<Record<string, string>>;
  /** What `git status --porcelain` prints. */
  readonly changes: string;
  /** Programs that a release needs and that the machine lacks. */
  readonly missing: readonly string[];
  /** Whether there is a file, or a folder with anything in it. */
  readonly isFilled: (folder: string) => boolean;
}

export interface Request {
  readonly version: string;
  /** Absolute, and empty or not there yet. */
  readonly folder: string;
  /** More options of `docker buildx build`, such as `--builder`. */
  readonly buildOptions: readonly string[];
}

/** Why there is no release: a stable code, and one sentence that says what to do. */
export class RefusedError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** As SemVer 2.0 without build metadata: an image's tag cannot contain a `+`. */
const SEMVER =
  /^(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?$/;

/**
 * What is to be released, from the arguments of `.ci/release`.
 * @throws RefusedError
 */
export function requestOf(args: readonly string[], facts: Facts): Request {
  const end = args.indexOf("--");
  const [version, folder, ...more] = end === -1 ? args : args.slice(0, end);
  if (version === undefined || version === "" || more.length > 0) {
    const usage = "say what to release: .ci/release VERSION [FOLDER] [-- OPTIONS OF docker buildx build].";
    throw new RefusedError("RELEASE_USAGE", usage);
  }
  if (!SEMVER.test(version)) {
    const why = `${JSON.stringify(version)} is not a version such as 1.2.3 or 1.2.3-rc.1.`;
    throw new RefusedError("RELEASE_BAD_VERSION", why);
  }
  const others = Object.entries(facts.versions).filter(([, named]) => named !== version);
  if (others.length > 0) {
    const named = others.map(([file, other]) => `${file} says ${other}`).join(", ");
    throw new RefusedError("RELEASE_OTHER_VERSION", `${named}: write ${version} there and commit it.`);
  }
  if (facts.changes !== "") {
    const [first = "", ...rest] = facts.changes.trim().split("\n");
    const why = `a release is made of a commit, and ${first.replace(/^\S+ +/, "")}${rest.length > 0 ? " and more" : ""}`;
    throw new RefusedError("RELEASE_NOT_COMMITTED", `${why} is not committed: commit it or take it away.`);
  }
  if (facts.missing.length > 0) {
    const why = `install what a release is made with: ${facts.missing.join(", ")}.`;
    throw new RefusedError("RELEASE_NO_TOOL", why);
  }
  const into = folder === undefined ? join(facts.root, "dist/release", version) : resolve(facts.cwd, folder);
  if (facts.isFilled(into)) {
    throw new RefusedError("RELEASE_FOLDER_NOT_EMPTY", `${into} is no empty folder: name another.`);
  }
  return { version, folder: into, buildOptions: end === -1 ? [] : args.slice(end + 1) };
}
