import { isAccepted, VERSION_KEY, type Written } from "../config/read-config.ts";
import { SETTING_NAMES, SETTINGS } from "../config/settings.ts";
import type { Setting } from "../config/setting.ts";
import { VERSION } from "../model/version.ts";

/**
 * The values that the admission policies compare with pods: the settings marked `policy`, and the version. Defaults are
 * written out, since another version's policy may read them and have other defaults.
 */
export type Form = Readonly<Record<string, string>>;

/** How many forms the policies accept beside the settings themselves. */
const FORMS_MAX = 3;
/** Keys of the forms that the policies read. Other keys with this prefix are ignored. */
const KEY = /^accepted\.([012])\.(.+)$/;
const POLICY_SETTINGS = SETTING_NAMES.filter((name) => (SETTINGS[name] as Setting).policy === true);

/** The form that the settings describe. */
export function formOf(data: Written): Form {
  const written = POLICY_SETTINGS.flatMap((name) => {
    const value = data[name] ?? SETTINGS[name].default;
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(written), [VERSION_KEY]: data[VERSION_KEY] ?? VERSION };
}

/** The forms that the ConfigMap names as accepted, in order. */
export function acceptedIn(data: Written): readonly Form[] {
  const forms: Record<string, string>[] = [];
  for (const [key, value] of Object.entries(data)) {
    const [, index, name] = KEY.exec(key) ?? [];
    if (name !== undefined) (forms[Number(index)] ??= {})[name] = value;
  }
  return forms.filter((form) => form !== undefined && VERSION_KEY in form);
}

export interface Seen {
  readonly data: Written;
  /** Whether every replica has had time to write pods of this form only. */
  readonly isSettled: boolean;
}

/**
 * The forms to accept. A form is added as soon as its settings are seen, so that it stays accepted if they change again.
 * Older forms are removed once no replica writes them any more.
 */
export function acceptedFor({ data, isSettled }: Seen): readonly Form[] {
  const [form, before] = [formOf(data), acceptedIn(data)];
  if (isSettled) return [form];
  if (before.some((one) => sameForm(one, form))) return before;
  // Of too many changes at once the first form, which all replicas may still write, and the newest stay.
  return before.length < FORMS_MAX ? [...before, form] : [...before.slice(0, 1), ...before.slice(2), form];
}

/** The changes of a ConfigMap's `data` that make these forms the accepted ones: null takes a key away. */
export function changesTo(data: Written, forms: readonly Form[]): Readonly<Record<string, string | null>> {
  const wanted = Object.fromEntries(
    forms.flatMap((form, index) =>
      Object.entries(form).map(([name, value]) => [`accepted.${index}.${name}`, value] as const),
    ),
  );
  const gone = Object.keys(data).filter((key) => isAccepted(key) && !Object.hasOwn(wanted, key));
  const changed = Object.entries(wanted).filter(([key, value]) => data[key] !== value);
  return Object.fromEntries<string | null>([...gone.map((key) => [key, null] as const), ...changed]);
}

const sameForm = (one: Form, other: Form): boolean => {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
};
