import { randomInt, randomUUID } from "node:crypto";
import { ANNOTATION } from "../../../../sidecar/contract/annotations.ts";
import { CONTAINER, RESERVED_PREFIX } from "../../../../sidecar/contract/pod.ts";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import { containerRoleKeys } from "../../../decide/container-roles.ts";
import { isPodroleContainer } from "../../../model/user-containers.ts";
import type { Container, Pod } from "../../../model/pod.ts";
import { isRecord, own, type Fields } from "../../../model/read.ts";
import { nameOfObject } from "../../../model/workload.ts";
import { diffObjects, type Seen } from "../print/diff.ts";
import type { Example } from "./examples.ts";
import { submittedPod, type Submitted } from "./pods.ts";
import { excerptOf } from "../print/excerpt.ts";
import type { Progress } from "../print/progress.ts";
import type { Reviewed, RunPod } from "../print/result.ts";
import type { Answer, Injector } from "./webhook.ts";

/** A pod that was sent to the webhook, and what came back. */
export interface Review {
  readonly file: string;
  readonly submitted: Submitted;
  readonly answer: Answer;
  readonly reviewed: Reviewed;
}

/** Sends the webhook the pod of every example that has one, and shows what it makes of it. */
export async function reviewExamples(
  examples: readonly Example[],
  injector: Injector,
  progress: Progress,
): Promise<readonly Review[]> {
  const seen = new Map<string, Seen>();
  const reviews: Review[] = [];
  const pods = examples.flatMap(({ file, object }) => {
    const submitted = submittedPod(object, suffix, Date.now());
    return submitted === undefined
      ? []
      : [{ file, submitted, name: nameOfObject(object, submitted.namespace) }];
  });
  const review = async ({ file, submitted, name }: (typeof pods)[number], step: Progress["step"]) => {
    const send = () => injector.review(submitted, randomUUID());
    const answer = await step(`${file}, ${name}`, send, verdictOf);
    if (answer.kind === "admitted") {
      progress.diff(diffObjects(submitted.pod, answer.pod, seen));
      remember(answer.pod, file, seen);
    }
    const reviewed = {
      file,
      object: name,
      decision: decisionOf(answer),
      ...(answer.kind === "denied" ? { message: answer.message } : {}),
      warnings: answer.warnings,
      pod: submitted.pod,
      patch: answer.kind === "admitted" ? answer.patch : [],
    };
    reviews.push({ file, submitted, answer, reviewed });
  };
  await progress.steps(
    `${pods.length} example pods sent to the webhook`,
    async (step) => {
      for (const pod of pods) await review(pod, step);
    },
    () => totals(reviews),
  );
  for (const { reviewed } of reviews) tellOf(reviewed, progress);
  return reviews;
}

/** Shows of one patch the lines that matter. */
export function showExcerpt({ submitted, answer, reviewed }: Review, progress: Progress): void {
  if (answer.kind !== "admitted") return;
  const lines = diffObjects(submitted.pod, answer.pod);
  const excerpt = excerptOf(lines);
  const changed = lines.filter(({ sign }) => sign === "+" || sign === "-").length;
  const shown = excerpt.filter(({ sign }) => sign === "+").length;
  const role = rolesOf(answer.pod as Pod)
    .role.split("/")
    .at(-1);
  const asks = role === "" ? "" : ` asks for role ${role}`;
  progress.excerpt(`${reviewed.object}${asks}: ${shown} of the ${changed} lines of its patch`, excerpt);
}

/** Without vowels and look-alikes, as Kubernetes makes them. */
export const suffix = (length: number): string =>
  Array.from({ length }, () => "bcdfghjklmnpqrstvwxz2456789".charAt(randomInt(27))).join("");

const decisionOf = (answer: Answer): Reviewed["decision"] => {
  if (answer.kind === "denied") return "denied";
  return answer.patch.length === 0 ? "unchanged" : "patched";
};

function verdictOf(answer: Answer): string {
  if (answer.kind === "denied") return "denied";
  const names = oursIn(answer.pod).map(({ name }) => name);
  return names.length === 0 ? "admitted as it is" : `admitted with ${names.join(" and ")}`;
}

/** Such as: 6 got guard and sidecar, 1 got guard, 1 denied. */
function totals(reviews: readonly Review[]): string {
  const counts = new Map<string, number>();
  for (const { answer } of reviews) {
    const ending = endingOf(answer);
    counts.set(ending, (counts.get(ending) ?? 0) + 1);
  }
  return [...counts].map(([ending, count]) => `${count} ${ending}`).join(", ");
}

function endingOf(answer: Answer): string {
  if (answer.kind === "denied") return "denied";
  const names = oursIn(answer.pod).map(({ name }) => name.slice(RESERVED_PREFIX.length));
  return names.length === 0 ? "left as they are" : `got ${names.join(" and ")}`;
}

function tellOf({ file, object, message, warnings }: Reviewed, progress: Progress): void {
  if (message !== undefined) progress.tell(`${file}, ${object}, is denied: ${message}`);
  for (const warning of warnings) progress.tell(`${file}, ${object}: warning: ${warning}`);
}

function remember(pod: Fields, where: string, seen: Map<string, Seen>): void {
  const volumes = ((pod as Pod).spec.volumes ?? []).filter(({ name }) => name.startsWith(RESERVED_PREFIX));
  for (const object of [...oursIn(pod), ...volumes]) {
    if (!seen.has(object.name)) seen.set(object.name, { object, where });
  }
}

/** Admission has denied foreign containers with podrole's names. */
const oursIn = (pod: Fields): readonly Container[] =>
  ((pod as Pod).spec.initContainers ?? []).filter(isPodroleContainer);

/** A pod of two roles shows most, then one with init containers of its own; any with a sidecar will do. */
export function pickReview(reviews: readonly Review[]): Review {
  const served = reviews.filter(
    ({ answer }) =>
      answer.kind === "admitted" && oursIn(answer.pod).some(({ name }) => name === CONTAINER.sidecar),
  );
  const hasOwn = ({ submitted }: Review): boolean =>
    ((submitted.pod as Pod).spec.initContainers ?? []).length > 0;
  const picked =
    served.find(({ submitted }) => containerRoleKeys(submitted.pod as Pod).size > 0) ??
    served.find(hasOwn) ??
    served[0];
  if (picked === undefined) {
    throw new CodedError("DEMO_NOTHING_TO_RUN", "No example's pod was given a role.", {
      remedy:
        "Annotate one with iam.amazonaws.com/role, in a namespace that is labelled podrole.dev/inject: enabled.",
    });
  }
  return picked;
}

/** The roles that admission settled on, from the annotation it leaves: the pod's own, and those of single containers. */
export function rolesOf(pod: Pod): Pick<RunPod, "role" | "containerRoles"> {
  const status: unknown = JSON.parse(pod.metadata?.annotations?.[ANNOTATION.status] ?? "null");
  const containers = isRecord(status) ? own(status, "containers") : undefined;
  return {
    role: roleIn(status),
    containerRoles: isRecord(containers)
      ? Object.fromEntries(Object.entries(containers).map(([name, one]) => [name, roleIn(one)]))
      : {},
  };
}

function roleIn(value: unknown): string {
  const role = isRecord(value) ? own(value, "role") : undefined;
  return typeof role === "string" ? role : "";
}
