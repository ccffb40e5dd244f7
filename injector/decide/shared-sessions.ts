import type { InjectorConfig } from "../config/installation.ts";

/** Name of the session that pods of one service account share. */
export const SHARED_SESSION_NAME = "{namespace}.{serviceAccount}";

/** Whether pods of one service account share their sessions: only the broker, which has those of all, can do that. */
export const sharesSessions = ({
  source,
  shareSessions,
}: Pick<InjectorConfig, "source" | "shareSessions">): boolean => source === "broker" && shareSessions;
