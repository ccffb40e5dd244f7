/**
 * The parser of a variable with PEM certificates. Only the form is checked here. The injector has checked that they can be decoded.
 * @throws Error that says what it must be, to follow the name of the variable
 */
export function certificates(raw: string): string {
  const block = "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----";
  if (!new RegExp(`^\\s*(?:${block}\\s*)+$`).test(raw)) throw new Error("must be PEM certificates");
  return raw;
}
