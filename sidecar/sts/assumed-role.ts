import { IssueError } from "./issue-error.ts";

/** What STS was asked for. */
interface Asked {
  readonly roleArn: string;
  readonly sessionName: string;
}

const ASSUMED_ROLE = /^arn:(aws[a-z-]*):sts::(\d{12}):assumed-role\/([\w+=,.@-]{1,64})\/([\w+=,.@-]{2,64})$/;
const ROLE = /^arn:(aws[a-z-]*):iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/;

/**
 * Compares STS's answer with the request: a cache or proxy in between that mixes up two answers would give this pod
 * another's role. `answered` is the answer's `AssumedRoleUser.Arn`, which has no path of the role.
 * @throws IssueError `STS_ANSWER_WRONG_ROLE`
 */
export function assertSessionOf(answered: string, { roleArn, sessionName }: Asked): void {
  const [, ...got] = ASSUMED_ROLE.exec(answered) ?? [];
  const [, ...role] = ROLE.exec(roleArn) ?? [];
  if (got.length > 0 && keyOf(got) === keyOf([...role, sessionName])) return;
  // The answer's own text is shown only if it is an ARN: something in between may have written anything.
  const instead = got.length === 0 ? "that names no role" : `for ${answered}`;
  throw new IssueError(
    "STS_ANSWER_WRONG_ROLE",
    `STS was asked for ${roleArn} (session ${sessionName}) and sent credentials ${instead}; they are not used.`,
    {
      kind: "passing",
      remedy:
        "See what is between the pod and STS and could mix up answers: a caching proxy, an STS endpoint.",
    },
  );
}

/** IAM ignores the case of role names, and may answer in the case that the role was created with. */
const keyOf = ([partition, account, role, session]: readonly string[]): string =>
  [partition, account, role?.toLowerCase(), session].join("|");
