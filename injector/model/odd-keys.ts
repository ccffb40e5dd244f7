/** podrole's own keys. All of them mean something to podrole, or nothing to anybody. */
const PODROLE_KEY = /^podrole\.dev\//;
/** Keys that may be a mistyped one of podrole, kube2iam, kiam or IRSA. */
const LIKE_PODROLE_KEY = /podrole|^iam\.(?:amazon|aws)|^eks\.(?:amazon|aws)[^/]*\/.*(?:rol|arn)/i;

export const isPodroleKey = (key: string): boolean => PODROLE_KEY.test(key);

/** Whether an annotation of this key could be meant for podrole. All others are ignored. */
export const isLikeOurs = (key: string): boolean => LIKE_PODROLE_KEY.test(key);

/** `role-arn`, `roleArn`, `iam-role` and the like, as the part of the key behind the slash. */
const ROLE_NAME = /^(?:iam|aws)?role(?:arn|name)?$/;

/** Whether the key seems to name a role: `eks.amazonaws.com/role_arn`, `podrole.dev/role`. */
export const isLikeRoleKey = (key: string): boolean =>
  key.length <= 120 &&
  isLikeOurs(key) &&
  ROLE_NAME.test(
    key
      .slice(key.indexOf("/") + 1)
      .toLowerCase()
      .replaceAll(/[-_.]/g, ""),
  );
