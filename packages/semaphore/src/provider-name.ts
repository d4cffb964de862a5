/** The provider a limit's key belongs to: `glm` of `glm:<account>`. Used where names must come from a small set. */
export function providerName(id: string): string {
  const colon = id.indexOf(':');
  return colon < 0 ? id : id.slice(0, colon);
}
