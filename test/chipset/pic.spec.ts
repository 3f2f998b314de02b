// The 8259A pair as a guest programs it: initialisation, priorities, end of interrupt, cascade, masks.

import { acknowledge, interruptPending } from "../../assembly/chipset/interrupts";
import { setInterruptLine } from "../../assembly/chipset/lines";
import { picRead, picReset, picWrite } from "../../assembly/chipset/pic";

/** As a PC's system software starts them: vectors 20h and 28h, everything unmasked. */
function start(): void {
  picReset();
  picWrite(0x20, 0x11);
  picWrite(0x21, 0x20);
  picWrite(0x21, 0x04);
  picWrite(0x21, 0x01);
  picWrite(0xa0, 0x11);
  picWrite(0xa1, 0x28);
  picWrite(0xa1, 0x02);
  picWrite(0xa1, 0x01);
}

function pulse(line: u32): void {
  setInterruptLine(line, true);
  setInterruptLine(line, false);
}

describe("8259A", () => {
  beforeEach(() => { start(); });

  it("requests on a rising edge and answers with base plus input", () => {
    setInterruptLine(4, true);
    expect(interruptPending()).toBe(true);
    expect(acknowledge()).toBe(0x24);
    expect(interruptPending()).toBe(false);
  });

  it("does not request again while an edge-triggered line stays high", () => {
    setInterruptLine(4, true);
    acknowledge();
    picWrite(0x20, 0x20);
    expect(interruptPending()).toBe(false);
    setInterruptLine(4, false);
    setInterruptLine(4, true);
    expect(interruptPending()).toBe(true);
  });

  it("requests again while a level-triggered line stays high", () => {
    picWrite(0x4d0, 0x20);
    setInterruptLine(5, true);
    expect(acknowledge()).toBe(0x25);
    picWrite(0x20, 0x20);
    expect(interruptPending()).toBe(true);
    setInterruptLine(5, false);
    expect(interruptPending()).toBe(false);
  });

  it("holds lower priorities back until the end of interrupt", () => {
    setInterruptLine(3, true);
    acknowledge();
    setInterruptLine(5, true);
    expect(interruptPending()).toBe(false);
    picWrite(0x20, 0x20);
    expect(interruptPending()).toBe(true);
    expect(acknowledge()).toBe(0x25);
  });

  it("lets a higher priority interrupt a service", () => {
    setInterruptLine(5, true);
    acknowledge();
    setInterruptLine(1, true);
    expect(acknowledge()).toBe(0x21);
    picWrite(0x20, 0x0b);
    expect(picRead(0x20)).toBe(0x22);
  });

  it("ends a named input with a specific end of interrupt", () => {
    setInterruptLine(5, true);
    acknowledge();
    setInterruptLine(1, true);
    acknowledge();
    picWrite(0x20, 0x65);
    picWrite(0x20, 0x0b);
    expect(picRead(0x20)).toBe(0x02);
  });

  it("keeps masked requests pending", () => {
    picWrite(0x21, 0x10);
    setInterruptLine(4, true);
    expect(interruptPending()).toBe(false);
    picWrite(0x21, 0x00);
    expect(interruptPending()).toBe(true);
  });

  it("passes the slave's requests through input 2", () => {
    setInterruptLine(12, true);
    expect(acknowledge()).toBe(0x2c);
    picWrite(0x20, 0x0b);
    expect(picRead(0x20)).toBe(0x04);
    picWrite(0xa0, 0x0b);
    expect(picRead(0xa0)).toBe(0x10);
  });

  it("serves a second slave request after both ends of interrupt", () => {
    setInterruptLine(12, true);
    setInterruptLine(14, true);
    expect(acknowledge()).toBe(0x2c);
    picWrite(0xa0, 0x20);
    picWrite(0x20, 0x20);
    expect(interruptPending()).toBe(true);
    expect(acknowledge()).toBe(0x2e);
  });

  it("answers input 7 when the request has gone away", () => {
    pulse(3);
    expect(interruptPending()).toBe(false);
    expect(acknowledge()).toBe(0x27);
    picWrite(0x20, 0x0b);
    expect(picRead(0x20)).toBe(0);
  });

  it("needs no end of interrupt in automatic mode", () => {
    picWrite(0x20, 0x11);
    picWrite(0x21, 0x20);
    picWrite(0x21, 0x04);
    picWrite(0x21, 0x03);
    setInterruptLine(3, true);
    acknowledge();
    picWrite(0x20, 0x0b);
    expect(picRead(0x20)).toBe(0);
  });

  it("rotates priorities with a rotating end of interrupt", () => {
    setInterruptLine(3, true);
    acknowledge();
    picWrite(0x20, 0xa0);
    setInterruptLine(2 + 2, true);
    setInterruptLine(1, true);
    expect(acknowledge()).toBe(0x24);
  });

  it("polls instead of interrupting", () => {
    setInterruptLine(6, true);
    picWrite(0x20, 0x0c);
    expect(picRead(0x20)).toBe(0x86);
    expect(interruptPending()).toBe(false);
  });
});
