import { CodedError, systemCode } from "../../../sidecar/kit/errors.ts";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is nothing of that name",
  EACCES: "you may not read it",
  EISDIR: "it is a folder",
  ENOTDIR: "it is not a folder",
};

/** A file or folder that a person named and that cannot be read. */
export function unreadable(name: string, error: unknown): CodedError<"FILE_UNREADABLE"> {
  const code = systemCode(error) ?? "unknown error";
  const reason = REASONS[code];
  const why = reason === undefined ? ` (${code})` : `: ${reason} (${code})`;
  return new CodedError("FILE_UNREADABLE", `${name} cannot be read${why}.`, { cause: error });
}
