// The fixed hardware of ACPI (ACPI 6.5, 4.8.3): power-management events and control, the timer, the power button;
// and the tables that describe the machine, which are written to guest memory at every reset. ACPI mode is
// always on. Of the sleeping states only S5 exists.
//
//   status   15 WAK | 10 RTC | 8 PWRBTN | 5 GBL | 4 BM | 0 TMR     write 1 to clear
//   enable            10 RTC | 8 PWRBTN | 5 GBL          | 0 TMR
//   control  13 SLP_EN | 12:10 SLP_TYP | 2 GBL_RLS | 1 BM_RLD | 0 SCI_EN

import type { Device, DeviceBus, DeviceTimer } from "../../partition/device.js";
import { bytewise } from "../bytewise.js";
import { SLEEP_S5 } from "./dsdt.js";
import { PM_TIMER, PM1_CONTROL, PM1_EVENT, SCI_LINE } from "./ports.js";
import { ACPI_BASE, acpiTables, type TablesOptions } from "./tables.js";

const TMR = 1 << 0;
const PWRBTN = 1 << 8;
const ENABLES = TMR | (1 << 5) | PWRBTN | (1 << 10);
const SCI_EN = 1 << 0;
const BM_RLD = 1 << 1;
const SLP_TYP = 7 << 10;
const SLP_TYP_SHIFT = 10;
const SLP_EN = 1 << 13;

const TIMER_HZ = 3_579_545;
/** TMR is set whenever the highest bit of the 32 changes. */
const HALF = 2 ** 31;
const SECOND = 1e9;

interface AcpiState {
  status: number;
  enable: number;
  control: number;
  checked: number;
}

export class Acpi implements Device {
  readonly name = "acpi";
  /** Guest-physical address of the root pointer. */
  readonly rsdp = ACPI_BASE;
  readonly #tables: Uint8Array;
  #bus: DeviceBus | undefined;
  #timer: DeviceTimer | undefined;
  #status = 0;
  #enable = 0;
  #control = SCI_EN;
  /** Timer ticks up to which TMR is known. */
  #checked = 0;

  constructor(options: TablesOptions) {
    this.#tables = acpiTables(options);
  }

  /** The tables as they stand in guest memory from `rsdp` on. */
  get tables(): Uint8Array {
    return this.#tables.slice();
  }

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    this.#timer = bus.timer(() => this.#update());
    const registers = {
      read: (port: number) => this.#read(port),
      write: (port: number, value: number) => this.#write(port, value),
    };
    bus.ports(PM1_EVENT, 6, bytewise(PM1_EVENT, 6, registers));
    bus.ports(PM_TIMER, 4, { read: (port) => ((this.#ticks % 2 ** 32) >>> ((port - PM_TIMER) * 8)) >>> 0 });
  }

  reset(): void {
    this.#status = 0;
    this.#enable = 0;
    this.#control = SCI_EN;
    this.#checked = this.#ticks;
    this.#bus?.guest.write(ACPI_BASE, this.#tables);
    this.#update();
  }

  save(): AcpiState {
    return { status: this.#status, enable: this.#enable, control: this.#control, checked: this.#checked };
  }

  restore(state: unknown): void {
    const saved = state as AcpiState;
    this.#status = saved.status;
    this.#enable = saved.enable;
    this.#control = saved.control;
    this.#checked = saved.checked;
    this.#drive();
  }

  /** Somebody presses the power button: the guest decides what follows. */
  pressPowerButton(): void {
    this.#status |= PWRBTN;
    this.#update();
  }

  /** The timer's count without its limit of 32 bits. Split into seconds and rest so that it stays exact. */
  get #ticks(): number {
    const now = this.#bus?.nanoseconds ?? 0;
    const seconds = Math.floor(now / SECOND);
    return seconds * TIMER_HZ + Math.floor(((now - seconds * SECOND) * TIMER_HZ) / SECOND);
  }

  /** Brings TMR up to date and shows what follows. */
  #update(): void {
    const now = this.#ticks;
    if (Math.floor(now / HALF) > Math.floor(this.#checked / HALF)) this.#status |= TMR;
    this.#checked = now;
    this.#drive();
  }

  /** Drives the interrupt, and sets the timer for the next change of the highest bit. */
  #drive(): void {
    this.#bus?.interrupt(SCI_LINE, (this.#status & this.#enable & ENABLES) !== 0);
    if ((this.#enable & TMR) === 0 || (this.#status & TMR) !== 0) {
      this.#timer?.cancel();
      return;
    }
    const next = (Math.floor(this.#checked / HALF) + 1) * HALF;
    const seconds = Math.floor(next / TIMER_HZ);
    this.#timer?.set(seconds * SECOND + Math.ceil(((next - seconds * TIMER_HZ) * SECOND) / TIMER_HZ));
  }

  #read(port: number): number {
    this.#update();
    const at = port - PM1_EVENT;
    const register = [this.#status, this.#enable, this.#control][at >> 1];
    return (register >> ((at & 1) * 8)) & 0xff;
  }

  #write(port: number, value: number): void {
    this.#update();
    const at = port - PM1_EVENT;
    const bits = value << ((at & 1) * 8);
    const kept = (at & 1) !== 0 ? 0x00ff : 0xff00;
    if (port < PM1_EVENT + 2) this.#status &= ~bits;
    else if (port < PM1_CONTROL) this.#enable = (this.#enable & kept) | (bits & ENABLES);
    else {
      this.#control = (this.#control & kept) | (bits & (BM_RLD | SLP_TYP)) | SCI_EN;
      const sleep = (this.#control & SLP_TYP) >> SLP_TYP_SHIFT;
      if ((bits & SLP_EN) !== 0 && sleep === SLEEP_S5) this.#bus?.powerOff();
    }
    this.#update();
  }
}
