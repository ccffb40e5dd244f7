import type { Report } from "../report.ts";
import { stateOf } from "../rows/row.ts";

/** The form that the page who-has-which-role documents. Fields are added to it, and none is changed or removed. */
export const jsonText = ({ namespace, rows, plain, reach, notHandled, ...report }: Report): string =>
  `${JSON.stringify(
    {
      namespace: namespace ?? null,
      ...report,
      roles: rows.map((row) => ({ ...row, state: stateOf(row) })),
      withoutRole: plain,
      notHandled,
      ...(reach === undefined ? {} : { reach }),
    },
    null,
    2,
  )}\n`;
