/** Length of the end of `text` that may be the beginning of one of `markers`. */
export function heldTail(text: string, markers: readonly string[]): number {
  const longest = Math.max(...markers.map((marker) => marker.length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length -= 1) {
    const tail = text.slice(-length);
    if (markers.some((marker) => marker.startsWith(tail))) return length;
  }
  return 0;
}
