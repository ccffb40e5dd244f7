import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { ExitCode, Io } from "../../io.ts";
import { readInput } from "../../input/files.ts";
import { widthOf } from "../../print/lines.ts";
import { needsFrom } from "../input.ts";
import type { Options } from "../options.ts";
import { partiesFrom } from "../parties.ts";
import { deniedText } from "../text.ts";
import { answersOf } from "./answer.ts";
import { answersJson, answersText } from "./report.ts";
import { givenPolicy } from "./role-output.ts";

/** `podrole trust-policy --against`: 0 if the policy lets all of the pods in, 1 if it does not or nobody can tell. */
export async function runAgainst(
  io: Io,
  references: readonly string[],
  options: Options,
  file: string,
): Promise<ExitCode> {
  const { filename = [], document, dir, output } = options;
  if (file === "-" && filename.includes("-")) {
    throw new CodedError("USAGE", "-f - and --against - cannot both read standard input.");
  }
  if (dir !== undefined) throw new CodedError("USAGE", "--against writes nothing: take --dir off.");
  if (document?.endsWith("-permissions") === true) {
    throw new CodedError("USAGE", `--against checks trust policies, and ${document} is none.`);
  }
  const given = givenPolicy((await readInput(file, io.stdin)).text);
  const ofBroker =
    document === "broker-trust" || (given.role !== undefined && given.role === options.principal);
  // The role's own ARN saves typing it, where the policy is that of the pods' role.
  const isForPods = options.serviceAccount !== undefined && document === undefined && !ofBroker;
  const role = options.role ?? (isForPods ? given.role : undefined);
  const wanted = role === undefined ? options : { ...options, role };
  const { needs, denied } = await needsFrom(references, wanted, io.stdin);
  const parties = await partiesFrom(
    // The broker's own issuer is needed for its own policy alone.
    { ...options, document: ofBroker ? "broker-trust" : "trust" },
    ...needs.map(({ source }) => source),
  );
  const answers = answersOf(given, needs, parties, document);
  if (output === "json") io.stdout.write(`${JSON.stringify(answersJson(answers), null, 2)}\n`);
  else io.stdout.write(answersText(answers, widthOf(io.stdout), io.stdout.paint));
  io.stderr.write(deniedText(denied));
  return answers.every(({ answer }) => answer === "lets-in") && denied.length === 0 ? 0 : 1;
}
