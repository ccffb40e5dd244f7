import { REFUSED_ERRNOS } from "../kit/reach.ts";
import type { Outcome } from "./ask.ts";
import type { Question } from "./questions.ts";
import type { StatusLine } from "./status-line.ts";
import type { Way } from "./way.ts";

/**
 * `held`: neither a token nor credentials can be had. `reachable`: something answered as if they could be had. `unproven`: what happened
 * says neither.
 */
type Kind = "held" | "reachable" | "unproven";

export interface Verdict {
  readonly address: string;
  readonly kind: Kind;
  /** A clause without an end, such as `169.254.169.254 port 80 answered PUT /latest/api/token with 200`. */
  readonly said: string;
}

/** One question, and how it was answered. */
export interface Tried {
  readonly question: Question;
  readonly outcome: Outcome;
}

export interface Place {
  readonly address: string;
  readonly port: number;
  /** From which of several own addresses. */
  readonly from?: string | undefined;
  /** How long each try may take. */
  readonly waitMs: number;
}

type Judged = readonly [kind: Kind, words: string];

/** What all tries of one place say together. @param way as it was when they began */
export function verdictOf(place: Place, tried: readonly Tried[], way: Way): Verdict {
  const { address, port, from } = place;
  const judged = tried.map((one) => judge(place, one, way));
  const [kind, words] =
    judged.find(([one]) => one === "reachable") ??
    judged.find(([one]) => one === "unproven") ??
    mixed(tried) ??
    heldFor(way, [...new Set(judged.map(([, said]) => said))].join(" and "));
  return {
    address,
    kind,
    said: `${address} port ${port}${from === undefined ? "" : ` from ${from}`} ${words}`,
  };
}

/** Something that lets only some connections through may let the next one through. */
function mixed(tried: readonly Tried[]): Judged | undefined {
  const opened = tried.filter(({ outcome: { kind } }) => kind !== "refused" && kind !== "silent").length;
  return opened === 0 || opened === tried.length
    ? undefined
    : ["unproven", `accepted ${opened} of ${tried.length} connections`];
}

const heldFor = (way: Way, words: string): Judged =>
  way.kind === "one of several" ? ["unproven", `${words} ${way.said}`] : ["held", words];

function judge(place: Place, { question, outcome }: Tried, way: Way): Judged {
  const asked = `${question.method} ${question.path}`;
  switch (outcome.kind) {
    case "refused":
      return judgeRefusal(outcome.code, way);
    case "silent":
      return ["held", "was silent"];
    case "closed":
      return ["held", `left ${asked} without an answer`];
    case "failed":
      return ["unproven", `could not be asked ${asked} (${outcome.code})`];
    case "unanswered":
      return judgeSilence(place, question, asked, outcome.ms);
    case "answered":
      return judgeAnswer(question, asked, outcome.line);
  }
}

function judgeRefusal(code: string, way: Way): Judged {
  // The kernel's own end of waiting.
  if (code === "ETIMEDOUT") return ["held", "was silent"];
  // A pod gets the second one without an address of the family, or when it has used up its ports.
  if (!REFUSED_ERRNOS.has(code) || (code === "EADDRNOTAVAIL" && way.kind !== "none")) {
    return ["unproven", `could not be tried (${code})`];
  }
  return ["held", code === "ECONNREFUSED" ? "refused the connection" : `is out of reach (${code})`];
}

/**
 * No answer to PUT is what a hop limit of 1 looks like, unless there was hardly time for one. A service that leaves GET without an answer as
 * well is slow: at a hop limit of 1, GET is answered at once.
 */
function judgeSilence({ waitMs }: Place, { method }: Question, asked: string, ms: number): Judged {
  if (method === "GET") return ["unproven", `accepted a connection and did not answer ${asked} in time`];
  return ms < waitMs / 2
    ? ["unproven", "accepted a connection too late for an answer"]
    : ["held", `left ${asked} without an answer`];
}

const TOKEN_REQUIRED = 401;

function judgeAnswer({ method }: Question, asked: string, line: StatusLine): Judged {
  const { kind } = line;
  if (kind === "foreign") return ["reachable", `answered ${asked} with what is not HTTP`];
  const withStatus = line.status === undefined ? "" : ` with ${line.status}`;
  // It may go on as anything.
  if (kind === "part") return ["reachable", `began to answer ${asked}${withStatus}`];
  return line.status === TOKEN_REQUIRED && method === "GET"
    ? ["held", `refused ${asked}${withStatus}`]
    : ["reachable", `answered ${asked}${withStatus}`];
}
