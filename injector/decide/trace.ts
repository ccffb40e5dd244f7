import type { Source, Step } from "../../sidecar/contract/session.ts";
import type { GuardMode } from "../../sidecar/contract/env.ts";
import type { RoleArn } from "../model/arn.ts";
import type { PolicyMode } from "../config/installation.ts";
import type { Finding } from "../model/findings.ts";
import type { TokenMode } from "../model/token-mode.ts";
import type { RoleDecision } from "./policy.ts";
import type { ImdsIntent } from "./imds.ts";
import type { MeshIntent } from "./mesh.ts";
import type { ResolvedRole } from "./role.ts";
import type { SessionRequest } from "./session.ts";
import type { ResourcesIntent } from "./resources/own-resources.ts";
import type { ControlResult } from "./baseline/baseline.ts";
import type { SessionNameDecision } from "./session-name.ts";

/** The questions that `decide` answers on its way to a decision, with the type of each answer. */
export interface Answers {
  /** Where the object is not a pod, or undefined. */
  readonly problem: string | undefined;
  readonly labelled: boolean;
  readonly mirror: boolean;
  readonly windows: boolean;
  readonly settings: {
    readonly source: Source;
    readonly guard: GuardMode | undefined;
    readonly findings: readonly Finding[];
  };
  /** The value of the annotation that opts a pod out. */
  readonly inject: string | null | undefined;
  readonly role: ResolvedRole;
  readonly hostNetwork: boolean;
  readonly policy: { readonly mode: PolicyMode; readonly decision: RoleDecision };
  readonly session: {
    readonly request: SessionRequest;
    readonly sessionName: SessionNameDecision;
    readonly steps: readonly Step[];
    readonly findings: readonly Finding[];
  };
  /** A container with its own role, and the decision about that role. */
  readonly container: {
    readonly container: string;
    readonly role: RoleArn;
    readonly from: string;
    readonly policy: Answers["policy"];
  };
  readonly imds: { readonly imds: ImdsIntent | undefined; readonly findings: readonly Finding[] };
  /** Names of the containers that get credentials. */
  readonly exposed: readonly string[];
  /** When app containers start: the value of annotation or setting, unchecked. */
  readonly start: string;
  readonly token: { readonly mode: TokenMode; readonly findings: readonly Finding[] };
  /** Undefined where the pod is in no service mesh. */
  readonly mesh: MeshIntent | undefined;
  /** Each control of Pod Security level baseline that applies. */
  readonly baseline: readonly ControlResult[];
  readonly hazards: readonly Finding[];
  readonly resources: ResourcesIntent;
}

export type Question = keyof Answers;

/** One question with its answer, as values: the listener words them. */
export type AnsweredQuestion = {
  readonly [Q in Question]: { readonly question: Q; readonly answer: Answers[Q] };
}[Question];

/** Receives each question with its answer, in order. Questions that an earlier answer made needless are left out. */
export type Trace = (answered: AnsweredQuestion) => void;

/** Returns the answer and passes it to the trace, so that the two cannot differ. */
export type Observe = <Q extends Question>(question: Q, answer: Answers[Q]) => Answers[Q];

const unobserved: Observe = (_question, answer) => answer;

export const observing = (trace: Trace | undefined): Observe =>
  trace === undefined
    ? unobserved
    : (question, answer) => {
        trace({ question, answer } as AnsweredQuestion);
        return answer;
      };
