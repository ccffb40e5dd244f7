/**
 * Whether an object can have this name. No other name is put into a path of the API: whoever chooses it could read another
 * object with `..`.
 */
export const isObjectName = (name: string): boolean =>
  name.length <= 253 && /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(name);
