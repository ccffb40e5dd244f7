import type { StsCalls } from "../../injector/broker/sts-calls.ts";
import type { Random } from "../../sidecar/engine/schedule.ts";
import type { Clock } from "../../sidecar/kit/clock.ts";
import { Secret } from "../../sidecar/kit/secret.ts";
import { accountId } from "../../sidecar/sts/arn.ts";
import type { Credentials } from "../../sidecar/sts/credentials.ts";
import { IssueError } from "../../sidecar/sts/issue-error.ts";
import type { RoleRequest } from "../../sidecar/sts/role-request.ts";
import { allowance } from "../../injector/model/allowance.ts";
import { latency } from "./figures.ts";

/** AWS's default quota for an account in a region. */
export const QUOTA_PER_SECOND = 600;
/** A firewall that drops packets: the time-out of a connection. */
const SILENT_MS = 2000;

/** STS, in place of the client that calls it. */
export interface SimulatedSts {
  /** The way there from one place, which may be cut off while others are not. */
  readonly seenBy: (isCutOff: () => boolean) => StsCalls;
  isOut: boolean;
  calls: number;
  throttled: number;
  /** The most calls of one second since this was last set. */
  peak: number;
}

export function simulatedSts(
  clock: Pick<Clock, "now" | "elapsed" | "sleep">,
  random: Random,
  quotaPerSecond: number,
): SimulatedSts {
  const takes = latency(random, { medianMs: 90, spread: 0.5 });
  const isWithinQuota = allowance(clock, { burst: quotaPerSecond, perSecond: quotaPerSecond });
  let [second, inSecond] = [0, 0];

  const count = (): void => {
    const now = Math.floor(clock.elapsed() / 1000);
    [second, inSecond] = now === second ? [second, inSecond + 1] : [now, 1];
    sts.calls += 1;
    sts.peak = Math.max(sts.peak, inSecond);
  };
  const answered = async (isCutOff: () => boolean): Promise<void> => {
    const arrives = !isCutOff();
    if (arrives) count();
    if (sts.isOut || !arrives) {
      await clock.sleep(SILENT_MS);
      throw new IssueError("STS_TIMEOUT", "STS did not answer.", { kind: "passing" });
    }
    const isThrottled = !isWithinQuota();
    await clock.sleep(takes());
    if (!isThrottled) return;
    sts.throttled += 1;
    throw new IssueError("Throttling", "Rate exceeded.", { kind: "throttled" });
  };
  const granted = async ({ step }: RoleRequest, isCutOff: () => boolean): Promise<Credentials> => {
    await answered(isCutOff);
    const [issuedAt, { roleArn, durationSeconds }] = [clock.now(), step];
    return {
      accessKeyId: `ASIA${sts.calls}`,
      // As long as STS makes them.
      secretAccessKey: new Secret("s".repeat(40)),
      sessionToken: new Secret(`${sts.calls}`.padEnd(900, "t")),
      issuedAt,
      expiresAt: Math.floor(issuedAt / 1000 + durationSeconds) * 1000,
      roleArn,
      accountId: accountId(roleArn),
    };
  };
  const sts: SimulatedSts = {
    isOut: false,
    calls: 0,
    throttled: 0,
    peak: 0,
    seenBy: (isCutOff) => ({
      at: async (_, onRequestId) => async (request) => {
        const credentials = await granted(request, isCutOff);
        onRequestId?.(credentials.accessKeyId);
        return credentials;
      },
      arnOf: async () => {
        await answered(isCutOff);
        return "arn:aws:sts::111122223333:assumed-role/podrole-broker/podrole-broker";
      },
    }),
  };
  return sts;
}
