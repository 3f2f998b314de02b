// The I/O APIC as the 82093AA data sheet describes it: the register window, edges, levels and remote IRR, masks,
// the end of interrupt, and where the board's lines end.

import { interruptPending } from "../../assembly/chipset/interrupts";
import { ioapicRead, ioapicReset, ioapicWrite } from "../../assembly/chipset/ioapic";
import { resetLapic, takeInterrupt } from "../../assembly/chipset/lapic";
import { lapic } from "../../assembly/chipset/lapic-block";
import { Register, writeRegister } from "../../assembly/chipset/lapic-registers";
import { setInterruptLine } from "../../assembly/chipset/lines";
import { offeredVector } from "../../assembly/chipset/pending";
import { picReset, picWrite } from "../../assembly/chipset/pic";
import { cellOf } from "../../assembly/chipset/processors";
import { CORE_DEVICES, CURRENT_PROCESSOR, FUEL, FUEL_START, MSR_APIC_BASE, PROCESSOR_COUNT } from "../../assembly/layout";
import { CoreDevice } from "../../assembly/vcpu/presence";
import { APIC_BASE_ENABLED } from "../../assembly/x86/msr";

const REMOTE_IRR: u32 = 0x4000;
const LEVEL: u32 = 0x8000;
const MASKED: u32 = 0x1_0000;

function read(register: u32): u32 {
  ioapicWrite(0, register);
  return ioapicRead(0x10);
}
function write(register: u32, value: u32): void {
  ioapicWrite(0, register);
  ioapicWrite(0x10, value);
}
/** Redirects an input; the high half first, as the data sheet advises. */
function redirect(input: u32, low: u32, destination: u32): void {
  write(0x11 + input * 2, destination << 24);
  write(0x10 + input * 2, low);
}
function low(input: u32): u32 { return read(0x10 + input * 2); }
function endOfInterrupt(n: u32): void { writeRegister(lapic(n), Register.EOI, 0); }
function take(n: u32): u32 { return takeInterrupt(lapic(n)); }

describe("I/O APIC", () => {
  beforeEach(() => {
    store<u32>(CORE_DEVICES, CoreDevice.APIC | CoreDevice.IOAPIC);
    store<u32>(PROCESSOR_COUNT, 2);
    store<u32>(CURRENT_PROCESSOR, 0);
    store<i32>(FUEL, 0);
    store<i32>(FUEL_START, 0);
    for (let n: u32 = 0; n < 2; n++) {
      store<u64>(cellOf(n, MSR_APIC_BASE), 0xfee0_0000 | APIC_BASE_ENABLED);
      resetLapic(n);
      writeRegister(lapic(n), Register.SVR, 0x1ff);
    }
    picReset();
    ioapicReset();
  });

  it("identifies itself with 24 masked entries", () => {
    expect(read(1)).toBe(0x0017_0020);
    expect(low(0)).toBe(MASKED);
    expect(low(23)).toBe(MASKED);
    write(0, 0x0300_0000);
    expect(read(0)).toBe(0x0300_0000);
    expect(read(2)).toBe(0x0300_0000);
    expect(read(0x40)).toBe(0);
  });

  it("keeps status and remote IRR from being written", () => {
    redirect(5, 0x5000 | LEVEL | MASKED, 0);
    expect(low(5)).toBe(LEVEL | MASKED);
  });

  it("sends an edge once", () => {
    redirect(4, 0x44, 1);
    setInterruptLine(4, true);
    expect(offeredVector(1)).toBe(0x44);
    expect(offeredVector(0)).toBe(0);
    expect(take(1)).toBe(0x44);
    endOfInterrupt(1);
    expect(offeredVector(1)).toBe(0);
    setInterruptLine(4, false);
    setInterruptLine(4, true);
    expect(offeredVector(1)).toBe(0x44);
  });

  it("loses an edge while the entry is masked", () => {
    redirect(4, 0x44 | MASKED, 1);
    setInterruptLine(4, true);
    redirect(4, 0x44, 1);
    expect(offeredVector(1)).toBe(0);
  });

  it("sends a level again after each end of interrupt while it lasts", () => {
    redirect(16, 0x50 | LEVEL, 0);
    setInterruptLine(16, true);
    expect(low(16) & REMOTE_IRR).toBe(REMOTE_IRR);
    expect(take(0)).toBe(0x50);
    // Not before the end of interrupt.
    expect(offeredVector(0)).toBe(0);
    endOfInterrupt(0);
    expect(take(0)).toBe(0x50);
    setInterruptLine(16, false);
    endOfInterrupt(0);
    expect(offeredVector(0)).toBe(0);
    expect(low(16) & REMOTE_IRR).toBe(0);
  });

  it("sends a level that is there when the entry is unmasked", () => {
    redirect(16, 0x50 | LEVEL | MASKED, 0);
    setInterruptLine(16, true);
    expect(offeredVector(0)).toBe(0);
    redirect(16, 0x50 | LEVEL, 0);
    expect(offeredVector(0)).toBe(0x50);
  });

  it("ends a level by its own EOI register", () => {
    redirect(16, 0x50 | LEVEL, 0);
    setInterruptLine(16, true);
    take(0);
    setInterruptLine(16, false);
    ioapicWrite(0x40, 0x51);
    expect(low(16) & REMOTE_IRR).toBe(REMOTE_IRR);
    ioapicWrite(0x40, 0x50);
    expect(low(16) & REMOTE_IRR).toBe(0);
  });

  it("forgets remote IRR when an entry becomes edge-triggered", () => {
    redirect(16, 0x50 | LEVEL, 0);
    setInterruptLine(16, true);
    redirect(16, 0x50 | MASKED, 0);
    redirect(16, 0x50 | LEVEL | MASKED, 0);
    expect(low(16) & REMOTE_IRR).toBe(0);
  });

  it("has the timer's line on input 2", () => {
    redirect(2, 0x30, 0);
    redirect(0, 0x31, 0);
    setInterruptLine(0, true);
    expect(take(0)).toBe(0x30);
    endOfInterrupt(0);
    expect(offeredVector(0)).toBe(0);
  });

  it("passes the 8259A pair's interrupts on to the processor that input 0 names", () => {
    picWrite(0x20, 0x11);
    picWrite(0x21, 0x20);
    picWrite(0x21, 0x04);
    picWrite(0x21, 0x01);
    writeRegister(lapic(0), Register.LVT_LINT0, MASKED);
    setInterruptLine(4, true);
    expect(interruptPending()).toBe(false);
    redirect(0, 0x700, 0);
    expect(interruptPending()).toBe(true);
    redirect(0, 0x700, 1);
    expect(interruptPending()).toBe(false);
    redirect(0, 0x700 | MASKED, 0);
    expect(interruptPending()).toBe(false);
    writeRegister(lapic(0), Register.LVT_LINT0, 0x700);
    expect(interruptPending()).toBe(true);
  });
});
