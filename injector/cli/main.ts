#!/usr/bin/env node
import { CommanderError } from "commander";
import { coded, oneLine } from "../../sidecar/kit/errors.ts";
import { podroleCommand } from "./podrole.ts";

/** Of the input or of the command line, not of what was found in it. */
const USAGE = new Set([
  "USAGE",
  "CONFIG_INVALID",
  "FILE_UNREADABLE",
  "MANIFEST_UNPARSABLE",
  "GRANT_INVALID",
  "NOTHING_TO_EXPLAIN",
  "REFERENCE_INVALID",
  "KUBECONFIG_MISSING",
  "KUBECONFIG_UNREADABLE",
  "CONTEXT_UNKNOWN",
  "API_UNREACHABLE",
  "API_REFUSED",
  "OBJECT_NOT_FOUND",
  "NAMESPACE_NOT_FOUND",
  "ISSUER_INVALID",
  "PRINCIPAL_INVALID",
  "PRINCIPAL_MISSING",
  "PROVIDER_MISSING",
  "PARTITIONS_DIFFER",
  "SUBJECT_INVALID",
  "ROLE_INVALID",
  "ROLES_DIFFER",
  "CALLS_DIFFER",
  "ANNOTATION_INVALID",
  "HUB_ROLE_MISSING",
]);

try {
  await podroleCommand().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const known = coded(error);
    console.error(oneLine(known));
    process.exitCode = USAGE.has(known.code) ? 2 : 1;
  }
}
