/** Where the compiler has proven that nothing arrives. @throws TypeError when input broke its type at run time. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected value: ${JSON.stringify(value)}`);
}
