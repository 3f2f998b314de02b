// Local APICs as SDM vol. 3, chapter 11 describes them: acceptance, priorities, end of interrupt, error status,
// destinations. Two processors; the first is the running one. The state is written where the core keeps it.

import { acknowledge, interruptPending } from "../../assembly/chipset/interrupts";
import { accept, resetLapic, takeInterrupt } from "../../assembly/chipset/lapic";
import { Delivery, lapic } from "../../assembly/chipset/lapic-block";
import { readRegister, Register, sendCommand, writeRegister } from "../../assembly/chipset/lapic-registers";
import { message, send } from "../../assembly/chipset/messages";
import { picReset } from "../../assembly/chipset/pic";
import { cellOf } from "../../assembly/chipset/processors";
import { offeredVector } from "../../assembly/chipset/pending";
import {
  CORE_DEVICES,
  CR8,
  CURRENT_PROCESSOR,
  FUEL,
  FUEL_START,
  MSR_APIC_BASE,
  NMI_PENDING,
  PROCESSOR_COUNT,
} from "../../assembly/layout";
import { CoreDevice } from "../../assembly/vcpu/presence";
import { APIC_BASE_ENABLED, APIC_BASE_EXTENDED } from "../../assembly/x86/msr";

const ENABLED: u32 = 0x1ff;

function read(n: u32, register: u32): u32 { return readRegister(lapic(n), register); }
function write(n: u32, register: u32, value: u32): void { writeRegister(lapic(n), register, value); }
/** The highest vector in one of the 256-bit registers. */
function bitOf(n: u32, register: u32, vector: u32): u32 { return (read(n, register + (vector >> 5)) >> (vector & 31)) & 1; }

describe("local APIC", () => {
  beforeEach(() => {
    store<u32>(CORE_DEVICES, CoreDevice.APIC);
    store<u32>(PROCESSOR_COUNT, 20);
    store<u32>(CURRENT_PROCESSOR, 0);
    store<i32>(FUEL, 0);
    store<i32>(FUEL_START, 0);
    for (let n: u32 = 0; n < 20; n++) {
      store<u64>(cellOf(n, MSR_APIC_BASE), 0xfee0_0000 | APIC_BASE_ENABLED);
      store<u32>(cellOf(n, NMI_PENDING), 0);
      resetLapic(n);
      write(n, Register.SVR, ENABLED);
    }
    picReset();
  });

  it("has the registers of table 11-1 after reset", () => {
    resetLapic(1);
    expect(read(1, Register.ID)).toBe(0x0100_0000);
    expect(read(1, Register.SVR)).toBe(0xff);
    expect(read(1, Register.DFR)).toBe(0xffff_ffff);
    expect(read(1, Register.LVT_TIMER)).toBe(0x1_0000);
    expect(read(1, Register.LVT_LINT0)).toBe(0x1_0000);
    expect(read(1, Register.TPR)).toBe(0);
    expect(read(1, Register.VERSION) & 0xff).toBe(0x14);
    expect(read(1, Register.VERSION) >> 16).toBe(5);
  });

  it("moves an interrupt from IRR to ISR to its end", () => {
    accept(lapic(0), 0x51, false);
    expect(bitOf(0, Register.IRR, 0x51)).toBe(1);
    expect(interruptPending()).toBe(true);
    expect(acknowledge()).toBe(0x51);
    expect(bitOf(0, Register.IRR, 0x51)).toBe(0);
    expect(bitOf(0, Register.ISR, 0x51)).toBe(1);
    expect(read(0, Register.PPR)).toBe(0x50);
    write(0, Register.EOI, 0);
    expect(bitOf(0, Register.ISR, 0x51)).toBe(0);
    expect(read(0, Register.PPR)).toBe(0);
  });

  it("takes the highest vector first and holds back its class and those below", () => {
    accept(lapic(0), 0x41, false);
    accept(lapic(0), 0x61, false);
    expect(acknowledge()).toBe(0x61);
    expect(interruptPending()).toBe(false);
    accept(lapic(0), 0x6f, false); // same class
    expect(interruptPending()).toBe(false);
    accept(lapic(0), 0x70, false); // the class above
    expect(acknowledge()).toBe(0x70);
    write(0, Register.EOI, 0);
    expect(interruptPending()).toBe(false);
    write(0, Register.EOI, 0);
    expect(acknowledge()).toBe(0x6f);
    write(0, Register.EOI, 0);
    expect(acknowledge()).toBe(0x41);
  });

  it("merges an interrupt with one of its vector that waits", () => {
    accept(lapic(0), 0x41, false);
    accept(lapic(0), 0x41, false);
    expect(acknowledge()).toBe(0x41);
    write(0, Register.EOI, 0);
    expect(interruptPending()).toBe(false);
  });

  it("holds back by task priority, class by class, and shows it in CR8", () => {
    write(0, Register.TPR, 0x4f);
    expect(load<u64>(CR8)).toBe(4);
    accept(lapic(0), 0x4f, false);
    expect(interruptPending()).toBe(false);
    accept(lapic(0), 0x50, false);
    expect(acknowledge()).toBe(0x50);
    // PPR: the task's where its class is not lower, else that of the interrupt in service.
    expect(read(0, Register.PPR)).toBe(0x50);
    write(0, Register.TPR, 0x5a);
    expect(read(0, Register.PPR)).toBe(0x5a);
    write(0, Register.EOI, 0);
    write(0, Register.TPR, 0x30);
    expect(interruptPending()).toBe(true);
  });

  it("answers with the spurious vector when nothing is to be had", () => {
    write(0, Register.SVR, 0x1ef);
    expect(takeInterrupt(lapic(0))).toBe(0xef);
    expect(bitOf(0, Register.ISR, 0xef)).toBe(0);
  });

  it("takes fixed interrupts only while software has enabled it, and masks its inputs when disabled", () => {
    write(0, Register.LVT_ERROR, 0x40);
    write(0, Register.SVR, 0xff);
    expect(accept(lapic(0), 0x41, false)).toBe(false);
    expect(read(0, Register.LVT_ERROR)).toBe(0x1_0040);
    write(0, Register.LVT_ERROR, 0x40);
    expect(read(0, Register.LVT_ERROR)).toBe(0x1_0040);
    send(0, false, false, Delivery.NMI, 0, false);
    expect(load<u32>(cellOf(0, NMI_PENDING))).toBe(1);
  });

  it("notes the trigger of each vector", () => {
    accept(lapic(0), 0x41, true);
    expect(bitOf(0, Register.TMR, 0x41)).toBe(1);
    accept(lapic(0), 0x41, false);
    expect(bitOf(0, Register.TMR, 0x41)).toBe(0);
  });

  it("shows errors after a write of ESR and raises the error interrupt", () => {
    write(0, Register.LVT_ERROR, 0x99);
    sendCommand(lapic(0), 0x0f, 1, false); // vector 15
    expect(read(0, Register.ESR)).toBe(0);
    write(0, Register.ESR, 0);
    expect(read(0, Register.ESR)).toBe(0x20); // send illegal vector
    expect(acknowledge()).toBe(0x99);
    accept(lapic(1), 5, false);
    write(1, Register.ESR, 0);
    expect(read(1, Register.ESR)).toBe(0x40); // receive illegal vector
    write(1, Register.ESR, 0);
    expect(read(1, Register.ESR)).toBe(0);
  });

  it("reaches processors by identifier", () => {
    expect(send(3, false, false, Delivery.FIXED, 0x77, false)).toBe(true);
    expect(offeredVector(3)).toBe(0x77);
    expect(offeredVector(2)).toBe(0);
    expect(send(200, false, false, Delivery.FIXED, 0x77, false)).toBe(false);
    send(0xff, false, false, Delivery.FIXED, 0x78, false);
    expect(offeredVector(0)).toBe(0x78);
    expect(offeredVector(19)).toBe(0x78);
  });

  it("reaches processors by the flat logical model", () => {
    write(1, Register.LDR, 0x0200_0000);
    write(2, Register.LDR, 0x0400_0000);
    send(0x06, true, false, Delivery.FIXED, 0x77, false);
    expect(offeredVector(0)).toBe(0);
    expect(offeredVector(1)).toBe(0x77);
    expect(offeredVector(2)).toBe(0x77);
  });

  it("reaches processors by the cluster model", () => {
    for (let n: u32 = 0; n < 8; n++) {
      write(n, Register.DFR, 0x0fff_ffff);
      write(n, Register.LDR, ((n >> 2) << 28) | ((1 << (n & 3)) << 24));
    }
    send(0x15, true, false, Delivery.FIXED, 0x77, false); // cluster 1, processors 0 and 2
    expect(offeredVector(4)).toBe(0x77);
    expect(offeredVector(5)).toBe(0);
    expect(offeredVector(6)).toBe(0x77);
    expect(offeredVector(0)).toBe(0);
    send(0xf2, true, false, Delivery.FIXED, 0x88, false); // every cluster, processor 1
    expect(offeredVector(1)).toBe(0x88);
    expect(offeredVector(5)).toBe(0x88);
  });

  it("reaches x2APIC processors by 32-bit identifiers and clusters of 16", () => {
    for (let n: u32 = 0; n < 20; n++) store<u64>(cellOf(n, MSR_APIC_BASE), 0xfee0_0000 | APIC_BASE_ENABLED | APIC_BASE_EXTENDED);
    expect(read(18, Register.ID)).toBe(18);
    expect(read(18, Register.LDR)).toBe(0x1_0004);
    send(0x1_000c, true, true, Delivery.FIXED, 0x77, false);
    expect(offeredVector(18)).toBe(0x77);
    expect(offeredVector(19)).toBe(0x77);
    expect(offeredVector(2)).toBe(0);
    send(0xff, false, true, Delivery.FIXED, 0x78, false); // no broadcast in 32 bits
    expect(offeredVector(0)).toBe(0);
    send(0xffff_ffff, false, true, Delivery.FIXED, 0x79, false);
    expect(offeredVector(0)).toBe(0x79);
  });

  it("sends to the processor of the lowest priority", () => {
    for (let n: u32 = 0; n < 20; n++) write(n, Register.TPR, 0x60);
    write(7, Register.TPR, 0x20);
    send(0xff, false, false, Delivery.LOWEST_PRIORITY, 0x99, false);
    expect(offeredVector(7)).toBe(0x99);
    expect(offeredVector(0)).toBe(0);
  });

  it("obeys the shorthands", () => {
    sendCommand(lapic(0), 0x4_0041, 0, false); // self
    expect(offeredVector(0)).toBe(0x41);
    expect(offeredVector(1)).toBe(0);
    sendCommand(lapic(0), 0xc_0051, 0, false); // all but self
    expect(offeredVector(0)).toBe(0x41);
    expect(offeredVector(1)).toBe(0x51);
    sendCommand(lapic(0), 0x8_0061, 0, false); // all
    expect(offeredVector(0)).toBe(0x61);
    expect(offeredVector(19)).toBe(0x61);
  });

  it("takes messages of devices", () => {
    message(0xfee0_3000, 0x55); // processor 3
    expect(offeredVector(3)).toBe(0x55);
    write(4, Register.LDR, 0x0800_0000);
    message(0xfee0_8004, 0x56); // logical
    expect(offeredVector(4)).toBe(0x56);
    message(0xfed0_3000, 0x66);
    expect(offeredVector(3)).toBe(0x55);
  });
});
