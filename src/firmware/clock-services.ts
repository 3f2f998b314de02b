// INT 1Ah, the time of day (IBM PS/2 and PC BIOS interface technical reference, "Interrupt 1Ah"): the count of timer
// ticks that IRQ 0 keeps in the data area, and the real-time clock. There is no PCI BIOS behind AH=B1h.

import { type Rtc, RtcRegister } from "../device/rtc.js";
import { type DataArea, Field } from "./data-area.js";
import type { Frame } from "./frame.js";

const R = RtcRegister;
const SET = 0x80;
const AIE = 0x20;
const HOURS_24 = 0x02;
const DAYLIGHT = 0x01;
const TICKS_PER_DAY = 0x1800b0;
const SECONDS_PER_DAY = 86_400;
const PCI_UNSUPPORTED = 0x81;

export class ClockServices {
  readonly #rtc: Rtc;
  readonly #area: DataArea;

  constructor(rtc: Rtc, area: DataArea) {
    this.#rtc = rtc;
    this.#area = area;
  }

  /** Ticks since midnight by the real-time clock. */
  initialise(): void {
    const { date } = this.#rtc;
    const seconds = date.getUTCHours() * 3600 + date.getUTCMinutes() * 60 + date.getUTCSeconds();
    this.#area.set(Field.TICKS, Math.floor((seconds * TICKS_PER_DAY) / SECONDS_PER_DAY), 4);
  }

  serve(frame: Frame): void {
    const rtc = this.#rtc;
    frame.carry = false;
    switch (frame.ah) {
      case 0x00: {
        const ticks = this.#area.get(Field.TICKS, 4);
        frame.cx = Math.floor(ticks / 0x10000);
        frame.dx = ticks & 0xffff;
        frame.al = this.#area.get(Field.MIDNIGHT);
        this.#area.set(Field.MIDNIGHT, 0);
        break;
      }
      case 0x01:
        this.#area.set(Field.TICKS, frame.cx * 0x10000 + frame.dx, 4);
        this.#area.set(Field.MIDNIGHT, 0);
        break;
      case 0x02:
        frame.ch = rtc.read(R.HOURS);
        frame.cl = rtc.read(R.MINUTES);
        frame.dh = rtc.read(R.SECONDS);
        frame.dl = rtc.read(R.B) & DAYLIGHT;
        break;
      case 0x03:
        this.#setting([
          [R.HOURS, frame.ch],
          [R.MINUTES, frame.cl],
          [R.SECONDS, frame.dh],
        ]);
        break;
      case 0x04:
        frame.ch = rtc.read(R.CENTURY);
        frame.cl = rtc.read(R.YEAR);
        frame.dh = rtc.read(R.MONTH);
        frame.dl = rtc.read(R.DAY);
        break;
      case 0x05:
        this.#setting([
          [R.CENTURY, frame.ch],
          [R.YEAR, frame.cl],
          [R.MONTH, frame.dh],
          [R.DAY, frame.dl],
        ]);
        break;
      case 0x06:
        if ((rtc.read(R.B) & AIE) !== 0) {
          frame.carry = true;
          break;
        }
        rtc.write(R.HOURS_ALARM, frame.ch);
        rtc.write(R.MINUTES_ALARM, frame.cl);
        rtc.write(R.SECONDS_ALARM, frame.dh);
        rtc.write(R.B, rtc.read(R.B) | AIE);
        break;
      case 0x07:
        rtc.write(R.B, rtc.read(R.B) & ~AIE);
        break;
      case 0xb1:
        frame.ah = PCI_UNSUPPORTED;
        frame.carry = true;
        break;
      default:
        frame.carry = true;
        break;
    }
  }

  /** Writes registers while the clock is held. */
  #setting(registers: readonly (readonly [index: number, value: number])[]): void {
    const rtc = this.#rtc;
    const mode = rtc.read(R.B);
    rtc.write(R.B, mode | SET);
    for (const [index, value] of registers) rtc.write(index, value);
    rtc.write(R.B, (mode & ~SET) | HOURS_24);
  }
}
