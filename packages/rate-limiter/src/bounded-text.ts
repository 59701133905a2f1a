/** Returns `text`, cut to `maxLength` characters and an ellipsis if it is longer. A cut text does not keep the whole one alive. */
export function boundedText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  // Joined anew: engines implement a slice as a reference to the whole text.
  return `${text.slice(0, maxLength).split('').join('')}…`;
}
