// The MC146818 real-time clock and its CMOS RAM at ports 70h/71h (Motorola MC146818 data sheet, "Registers",
// "Interrupts", "Update cycle"; PC/AT technical reference for index port and memory-size bytes). The time is
// not counted: it follows from guest time, a second boundary (the phase of the divider chain) and the time at
// that boundary. While SET holds the clock, the time registers are ordinary RAM. Interrupts on line 8 come
// from one timer, set only while an enabled source can still raise the line; flags of disabled sources
// are worked out when somebody looks.
//
//   0 seconds 2 minutes 4 hours 6 weekday 7 day 8 month 9 year 32h century | 1, 3, 5 alarm
//   0Ah  UIP | DV divider (3) | RS rate (4)
//   0Bh  SET | PIE | AIE | UIE | SQWE | DM binary | 24 hours | DSE
//   0Ch  IRQF | PF | AF | UF | 0000        cleared by reading
//   0Dh  VRT | 0000000
//   0Fh shutdown code  14h equipment  15h-16h base memory KiB  17h-18h, 30h-31h extended KiB
//   34h-35h above 16 MiB, 5Bh-5Dh above 4 GiB (both in 64 KiB)

import type { Device, DeviceBus, DeviceTimer } from "../partition/device.js";
import { bytewise } from "./bytewise.js";

const INDEX_PORT = 0x70;
const NMI_MASK = 0x80;
const SIZE = 128;
const RTC_LINE = 8;

export const RtcRegister = {
  SECONDS: 0x00,
  SECONDS_ALARM: 0x01,
  MINUTES: 0x02,
  MINUTES_ALARM: 0x03,
  HOURS: 0x04,
  HOURS_ALARM: 0x05,
  WEEKDAY: 0x06,
  DAY: 0x07,
  MONTH: 0x08,
  YEAR: 0x09,
  A: 0x0a,
  B: 0x0b,
  C: 0x0c,
  D: 0x0d,
  SHUTDOWN: 0x0f,
  EQUIPMENT: 0x14,
  CENTURY: 0x32,
} as const;
const R = RtcRegister;
const TIME_REGISTERS: readonly number[] = [R.SECONDS, R.MINUTES, R.HOURS, R.WEEKDAY, R.DAY, R.MONTH, R.YEAR, R.CENTURY];

const UIP = 0x80;
/** Divider bits 11x hold the chain in reset. */
const DIVIDER_RESET = 0x60;
const DIVIDER = 0x70;
const RATE = 0x0f;
/** Divider for a 32.768 kHz crystal, 1.024 kHz rate: what a BIOS leaves. */
const A_DEFAULT = 0x26;
const SET = 0x80;
const PIE = 0x40;
const AIE = 0x20;
const UIE = 0x10;
const SQWE = 0x08;
const BINARY = 0x04;
const HOURS_24 = 0x02;
/** Flags of register C stand at the places of their enables in register B. */
const ENABLES = PIE | AIE | UIE;
const IRQF = 0x80;
const VALID = 0x80;
const PM = 0x80;
/** Alarm registers from C0h match every value. */
const ANY = 0xc0;
/** Math coprocessor, PS/2 mouse, VGA. */
const EQUIPMENT = 0x06;

const SECOND = 1e9;
const DAY = 86_400;
/** UIP rises 244 us before an update cycle of 1,984 us. */
const UPDATE = 2_228_000;
/** The first update comes this long after the divider is released. */
const RELEASE = SECOND / 2;
/** RAM of a partition ends here below 4 GiB. */
const LOW_MAX = 0xc000_0000;
const MIB = 0x10_0000;

interface RtcState {
  index: number;
  nmiMasked: boolean;
  ram: number[];
  boundary: number;
  time: number;
  weekdayShift: number;
  checked: number;
}

export interface RtcOptions {
  /** Time at power-on, in UTC. */
  start?: Date;
}

export class Rtc implements Device {
  readonly name = "rtc";
  readonly #ram = new Uint8Array(SIZE);
  #bus: DeviceBus | undefined;
  #timer: DeviceTimer | undefined;
  #index = 0;
  #nmiMasked = false;
  /** Guest time of a second boundary, and the time from then on in seconds since 1970. */
  #boundary: number;
  #time: number;
  /** Days that the weekday register is ahead of the date: the guest may set it to anything. */
  #weekdayShift = 0;
  /** Guest time up to which the flags of register C are known. */
  #checked = 0;
  /** What the timer was set for: guest time may be rounded down when it expires. */
  #due = Number.POSITIVE_INFINITY;

  constructor(options: RtcOptions = {}) {
    const start = (options.start ?? new Date(Date.UTC(2026, 0, 1))).getTime();
    this.#time = Math.floor(start / 1000);
    this.#boundary = (this.#time * 1000 - start) * 1e6;
    this.#ram[R.A] = A_DEFAULT;
    this.#ram[R.B] = HOURS_24;
  }

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    this.#timer = bus.timer(() => this.#expired());
    const registers = {
      read: (port: number) => (port === INDEX_PORT ? 0xff : this.read(this.#index)),
      write: (port: number, value: number) => {
        if (port === INDEX_PORT) {
          this.#index = value & ~NMI_MASK;
          this.#nmiMasked = (value & NMI_MASK) !== 0;
        } else this.write(this.#index, value);
      },
    };
    bus.ports(INDEX_PORT, 2, bytewise(INDEX_PORT, 2, registers));
  }

  /** The RESET pin: time and RAM are on a battery, interrupts are off. The size bytes are the BIOS's. */
  reset(): void {
    this.#index = 0;
    this.#nmiMasked = false;
    this.#ram[R.B] &= ~(ENABLES | SQWE);
    this.#ram[R.C] = 0;
    this.#checked = this.#now;
    this.#writeSizes();
    this.#update();
  }

  save(): RtcState {
    return {
      index: this.#index,
      nmiMasked: this.#nmiMasked,
      ram: [...this.#ram],
      boundary: this.#boundary,
      time: this.#time,
      weekdayShift: this.#weekdayShift,
      checked: this.#checked,
    };
  }

  restore(state: unknown): void {
    const saved = state as RtcState;
    this.#index = saved.index & ~NMI_MASK;
    this.#nmiMasked = saved.nmiMasked;
    this.#ram.set(saved.ram.slice(0, SIZE));
    this.#boundary = saved.boundary;
    this.#time = saved.time;
    this.#weekdayShift = saved.weekdayShift;
    this.#checked = saved.checked;
    this.#update();
  }

  /** Bit 7 of the index port: the board passes no NMI on. */
  get nmiMasked(): boolean {
    return this.#nmiMasked;
  }

  /** The clock's time, whatever form its registers show it in. */
  get date(): Date {
    return new Date((this.#held ? this.#parse() : this.#seconds(this.#now)) * 1000);
  }

  /** A register or RAM byte, with the effects that reading it has. */
  read(index: number): number {
    switch (index) {
      case R.A:
        return this.#ram[R.A] | (this.#updating ? UIP : 0);
      case R.C: {
        this.#check(this.#now);
        const flags = this.#ram[R.C];
        this.#ram[R.C] = 0;
        this.#update();
        return flags;
      }
      case R.D:
        return VALID;
      default:
        if (!this.#held && TIME_REGISTERS.includes(index)) this.#show(this.#seconds(this.#now));
        return this.#ram[index];
    }
  }

  write(index: number, value: number): void {
    if (index === R.C || index === R.D) return;
    this.#check(this.#now);
    if (index === R.A) this.#writeA(value);
    else if (index === R.B) this.#writeB(value);
    else if (TIME_REGISTERS.includes(index) && !this.#held) {
      this.#show(this.#seconds(this.#now));
      this.#ram[index] = value;
      this.#take();
    } else this.#ram[index] = value;
    this.#update();
  }

  get #now(): number {
    return this.#bus?.nanoseconds ?? 0;
  }

  get #dividerRuns(): boolean {
    return (this.#ram[R.A] & DIVIDER_RESET) !== DIVIDER_RESET;
  }

  /** The time registers stand still. */
  get #held(): boolean {
    return (this.#ram[R.B] & SET) !== 0 || !this.#dividerRuns;
  }

  get #updating(): boolean {
    if (this.#held) return false;
    const left = SECOND - ((((this.#now - this.#boundary) % SECOND) + SECOND) % SECOND);
    return left <= UPDATE;
  }

  /** Whole seconds between the boundary and `at`. */
  #elapsed(at: number): number {
    return Math.floor((at - this.#boundary) / SECOND);
  }

  #seconds(at: number): number {
    return this.#time + this.#elapsed(at);
  }

  #writeA(value: number): void {
    const held = this.#held;
    const ran = this.#dividerRuns;
    if (!held) this.#show(this.#seconds(this.#now));
    this.#ram[R.A] = value & (DIVIDER | RATE);
    if (!ran && this.#dividerRuns) this.#boundary = this.#now - RELEASE;
    if (held && !this.#held) this.#take();
  }

  #writeB(value: number): void {
    const held = this.#held;
    if (!held) this.#show(this.#seconds(this.#now));
    this.#ram[R.B] = (value & SET) !== 0 ? value & ~UIE : value;
    if (held && !this.#held) this.#take();
  }

  /** Puts a time into the time registers. */
  #show(seconds: number): void {
    const date = new Date(seconds * 1000);
    const ram = this.#ram;
    ram[R.SECONDS] = this.#digits(date.getUTCSeconds());
    ram[R.MINUTES] = this.#digits(date.getUTCMinutes());
    ram[R.HOURS] = this.#hours(date.getUTCHours());
    ram[R.WEEKDAY] = this.#digits(((date.getUTCDay() + this.#weekdayShift) % 7) + 1);
    ram[R.DAY] = this.#digits(date.getUTCDate());
    ram[R.MONTH] = this.#digits(date.getUTCMonth() + 1);
    ram[R.YEAR] = this.#digits(date.getUTCFullYear() % 100);
    ram[R.CENTURY] = this.#digits(Math.floor(date.getUTCFullYear() / 100) % 100);
  }

  /** The time in the time registers. Dates that do not exist run over into the next month. */
  #parse(): number {
    const value = (index: number): number => this.#number(this.#ram[index]);
    let hours = value(R.HOURS);
    if ((this.#ram[R.B] & HOURS_24) === 0) {
      const afternoon = (this.#ram[R.HOURS] & PM) !== 0;
      hours = (this.#number(this.#ram[R.HOURS] & ~PM) % 12) + (afternoon ? 12 : 0);
    }
    const year = value(R.CENTURY) * 100 + value(R.YEAR);
    return Date.UTC(year, value(R.MONTH) - 1, value(R.DAY), hours, value(R.MINUTES), value(R.SECONDS)) / 1000;
  }

  /** The clock goes on from what its time registers hold. */
  #take(): void {
    const seconds = this.#parse();
    this.#time = seconds - this.#elapsed(this.#now);
    const weekday = this.#number(this.#ram[R.WEEKDAY]) - 1;
    this.#weekdayShift = (((weekday - new Date(seconds * 1000).getUTCDay()) % 7) + 7) % 7;
  }

  #digits(value: number): number {
    return (this.#ram[R.B] & BINARY) !== 0 ? value : (Math.floor(value / 10) << 4) | (value % 10);
  }

  #number(byte: number): number {
    return (this.#ram[R.B] & BINARY) !== 0 ? byte : (byte >> 4) * 10 + (byte & 15);
  }

  #hours(hours: number): number {
    if ((this.#ram[R.B] & HOURS_24) !== 0) return this.#digits(hours);
    return this.#digits(hours % 12 === 0 ? 12 : hours % 12) | (hours >= 12 ? PM : 0);
  }

  /** Nanoseconds between periodic interrupts; 0: none. */
  get #period(): number {
    const rate = this.#ram[R.A] & RATE;
    if (rate === 0 || !this.#dividerRuns) return 0;
    return (2 ** (rate <= 2 ? rate + 6 : rate - 1) / 32_768) * SECOND;
  }

  /** First second after `after` that the alarm registers match. */
  #nextAlarm(after: number): number | undefined {
    const ram = this.#ram;
    const matches = (alarm: number, shown: number): boolean => ram[alarm] >= ANY || ram[alarm] === shown;
    const second = (value: number): boolean => matches(R.SECONDS_ALARM, this.#digits(value));
    if (ram[R.SECONDS_ALARM] < ANY && !Array.from({ length: 60 }, (_, n) => n).some(second)) return undefined;
    for (let at = after + 1; at <= after + DAY; ) {
      const ofDay = ((at % DAY) + DAY) % DAY;
      if (!matches(R.HOURS_ALARM, this.#hours(Math.floor(ofDay / 3600)))) at += 3600 - (ofDay % 3600);
      else if (!matches(R.MINUTES_ALARM, this.#digits(Math.floor(ofDay / 60) % 60))) at += 60 - (ofDay % 60);
      else if (!second(ofDay % 60)) at++;
      else return at;
    }
    return undefined;
  }

  /** Brings the flags of register C up to `now`. */
  #check(now: number): void {
    const from = this.#checked;
    if (now <= from) return;
    this.#checked = now;
    const period = this.#period;
    const count = (at: number): number => Math.floor((at - this.#boundary) / period);
    let flags = this.#ram[R.C];
    if (period !== 0 && count(now) > count(from)) flags |= PIE;
    if (!this.#held) {
      const last = this.#seconds(now);
      const first = this.#seconds(from);
      if (last > first) {
        flags |= UIE;
        const alarm = this.#nextAlarm(first);
        if (alarm !== undefined && alarm <= last) flags |= AIE;
      }
    }
    this.#ram[R.C] = flags;
  }

  /** Drives the line and sets the timer for the next event that could raise it. */
  #update(): void {
    const enabled = this.#ram[R.B] & ENABLES;
    const active = (this.#ram[R.C] & enabled) !== 0;
    this.#ram[R.C] = (this.#ram[R.C] & ENABLES) | (active ? IRQF : 0);
    this.#bus?.interrupt(RTC_LINE, active);
    const from = this.#checked;
    let next = Number.POSITIVE_INFINITY;
    if (!active && enabled !== 0) {
      const period = this.#period;
      if ((enabled & PIE) !== 0 && period !== 0) {
        next = this.#boundary + (Math.floor((from - this.#boundary) / period) + 1) * period;
      }
      if (!this.#held) {
        if ((enabled & UIE) !== 0) next = Math.min(next, this.#boundary + (this.#elapsed(from) + 1) * SECOND);
        const alarm = (enabled & AIE) !== 0 ? this.#nextAlarm(this.#seconds(from)) : undefined;
        if (alarm !== undefined) next = Math.min(next, this.#boundary + (alarm - this.#time) * SECOND);
      }
    }
    if (next === Number.POSITIVE_INFINITY) this.#timer?.cancel();
    else this.#timer?.set(Math.ceil(next));
    this.#due = next;
  }

  #expired(): void {
    this.#check(Math.max(this.#now, Math.ceil(this.#due)));
    this.#update();
  }

  #writeSizes(): void {
    const size = this.#bus?.memorySize ?? 0;
    const low = Math.min(size, LOW_MAX);
    const ram = this.#ram;
    const put16 = (at: number, value: number): void => {
      ram[at] = value & 0xff;
      ram[at + 1] = (value >> 8) & 0xff;
    };
    const extended = Math.min(Math.max((low - MIB) / 1024, 0), 0xffff);
    ram[R.EQUIPMENT] = EQUIPMENT;
    put16(0x15, Math.min(low / 1024, 640));
    put16(0x17, extended);
    put16(0x30, extended);
    put16(0x34, Math.min(Math.max((low - 16 * MIB) / 0x10000, 0), 0xffff));
    const high = Math.max(size - low, 0) / 0x10000;
    put16(0x5b, high & 0xffff);
    ram[0x5d] = Math.min(high >>> 16, 0xff);
  }
}
