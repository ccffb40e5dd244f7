import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { tempFolder } from "./temp-files.ts";

/** A volume as the kubelet's atomic writer lays it out: token -> ..data/token, ..data -> ..<time>. */
export interface ProjectedVolume {
  /** Where containers see the token. */
  readonly file: string;
  /** Gives every mount the new token, at one moment. */
  readonly rotate: (token: string) => void;
}

export function projectedVolume(token: string, folder: string = tempFolder()): ProjectedVolume {
  const file = join(folder, "token");
  const rotate = (next: string): void => {
    mkdirSync(folder, { recursive: true });
    const link = join(folder, "..data");
    const old = existsSync(link) ? realpathSync(link) : undefined;
    const made = mkdtempSync(join(folder, "..2026_"));
    writeFileSync(join(made, "token"), next);
    symlinkSync(basename(made), join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), link);
    if (old !== undefined) rmSync(old, { recursive: true });
  };
  rotate(token);
  symlinkSync("..data/token", file);
  return { file, rotate };
}
