import type { SessionRefused } from "../../contract/broker.ts";
import { errorName } from "../../kit/errors.ts";
import { PostError, type PostFailure } from "../../kit/post-error.ts";
import { quoted } from "../../kit/quoted.ts";
import { Secret } from "../../kit/secret.ts";
import { IssueError } from "../../sts/issue-error.ts";
import { certificateRemedy, isCertificate, ROUTE_REMEDY, unreachableRemedy } from "./remedies.ts";

/** What the broker was asked, for messages. */
export interface Failed {
  readonly url: string;
  readonly roleArn: string;
  /** It was sent, and must not be repeated in a message. */
  readonly token: Secret;
}

const passing = (code: string, message: string, remedy: string): IssueError =>
  new IssueError(code, message, { kind: "passing", remedy });

const BETWEEN =
  "See what is between the pod and the broker: a proxy, a service mesh, another program behind the Service.";

/** Makes an error that can be shown to anybody of why the broker could not be asked. */
export function brokerFailure(thrown: unknown, { url, roleArn }: Failed): IssueError {
  const failure: PostFailure =
    thrown instanceof PostError ? thrown.failure : { kind: "unreachable", why: errorName(thrown) };
  const where = `The broker at ${url}`;
  if (failure.kind === "invalid-answer") return invalidAnswer(failure.status, { url, roleArn });
  if (failure.kind === "late") {
    const message = `${where} did not answer within ${failure.afterMs / 1000} s, for ${roleArn}.`;
    return passing("BROKER_TIMEOUT", message, ROUTE_REMEDY);
  }
  const why = failure.kind === "unreachable" ? failure.why : failure.kind;
  if (isCertificate(why)) {
    const message = `The certificate of the broker at ${url} is not accepted (${why}), so nothing was sent, for ${roleArn}.`;
    return passing("BROKER_CERTIFICATE", message, certificateRemedy(why));
  }
  // The kernel's own time-out of a connection.
  const code = why === "ETIMEDOUT" ? "BROKER_TIMEOUT" : "BROKER_UNREACHABLE";
  return passing(code, `${where} cannot be reached (${why}) for ${roleArn}.`, unreachableRemedy(why));
}

/** @param status undefined if it was not even HTTP */
export function invalidAnswer(
  status: number | undefined,
  { url, roleArn }: Pick<Failed, "url" | "roleArn">,
): IssueError {
  const how = status === undefined ? "not in HTTP" : `with HTTP ${status}`;
  const message = `The broker at ${url} was asked for ${roleArn} and answered ${how}, and the answer is not the broker's.`;
  return passing("BROKER_ANSWER_INVALID", message, BETWEEN);
}

export function wrongRole(answered: string, { roleArn }: Pick<Failed, "roleArn">): IssueError {
  // The answer's own text is shown only if it is an ARN: something in between may have written anything.
  const instead = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/.test(answered)
    ? `for ${answered}`
    : "for no role";
  const message = `The broker was asked for ${roleArn} and sent credentials ${instead}; they are not used.`;
  return passing("BROKER_ANSWER_WRONG_ROLE", message, BETWEEN);
}

/** More than any message of the broker's has. */
const TEXT_MAX = 900;

/** The broker's refusal in the broker's words, or STS's that the broker passes on. */
export function refusalOf(
  { code, message, remedy, kind, endsSession }: SessionRefused,
  { roleArn, token }: Failed,
): IssueError {
  const sentence = (text: string): string => quoted(text, partsOf(token), TEXT_MAX);
  return new IssueError(code, `The broker gave no session for ${roleArn}: ${sentence(message)}`, {
    kind,
    ...(endsSession === undefined ? {} : { endsSession }),
    ...(remedy === undefined ? {} : { remedy: sentence(remedy) }),
  });
}

/** A shorter part of a token may stand in any text. */
const PART_MIN = 16;

/** The token, and each part of it: the claims alone are a person's business, too. */
const partsOf = (token: Secret): readonly Secret[] => [
  token,
  ...token
    .reveal()
    .split(".")
    .filter(({ length }) => length >= PART_MIN)
    .map((part) => new Secret(part)),
];
