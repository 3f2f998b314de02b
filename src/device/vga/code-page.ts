// Code page 437: the characters of a PC's text mode in Unicode (Unicode consortium, CP437.TXT; the pictures of
// the control codes as IBM documents them). The last one is a no-break space.

const CONTROLS = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
const ASCII = Array.from({ length: 0x5f }, (_, n) => String.fromCharCode(0x20 + n)).join("");
const UPPER =
  "⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

const CHARACTERS: readonly string[] = [...` ${CONTROLS.slice(1)}${ASCII}${UPPER}`];

/** The character that a byte of text memory shows; 0 shows nothing. */
export function characterOf(byte: number): string {
  return CHARACTERS[byte & 0xff];
}
