// The 16550A as a driver sees it: registers, interrupt causes, loopback, and the rings to the host.

import { interruptPending } from "../../assembly/chipset/interrupts";
import { picReset, picWrite } from "../../assembly/chipset/pic";
import { uartInput, uartRead, uartReset, uartWrite } from "../../assembly/chipset/uart";
import { FAULT, UART_OUTPUT, UART_OUTPUT_READ, UART_OUTPUT_WRITTEN } from "../../assembly/layout";

function start(): void {
  store<u32>(FAULT, 0);
  picReset();
  uartReset();
  picWrite(0x20, 0x11);
  picWrite(0x21, 0x20);
  picWrite(0x21, 0x04);
  picWrite(0x21, 0x01);
}

describe("16550A", () => {
  beforeEach(() => { start(); });

  it("puts transmitted bytes into the output ring", () => {
    uartWrite(0, 0, 0x41);
    uartWrite(0, 0, 0x42);
    expect(load<u32>(UART_OUTPUT_WRITTEN) - load<u32>(UART_OUTPUT_READ)).toBe(2);
    expect(<u32>load<u8>(UART_OUTPUT)).toBe(0x41);
    expect(<u32>load<u8>(UART_OUTPUT + 1)).toBe(0x42);
  });

  it("leaves to the host instead of losing a byte when the ring is full", () => {
    for (let i: u32 = 0; i < 4096; i++) uartWrite(0, 0, i);
    expect(load<u32>(FAULT)).toBe(0);
    uartWrite(0, 0, 0x55);
    expect(load<u32>(FAULT)).toBe(2);
    expect(load<u32>(UART_OUTPUT_WRITTEN)).toBe(4096);
  });

  it("reports received data in LSR until it is read", () => {
    expect(uartRead(0, 5)).toBe(0x60);
    uartInput(0, 0x78);
    expect(uartRead(0, 5)).toBe(0x61);
    expect(uartRead(0, 0)).toBe(0x78);
    expect(uartRead(0, 5)).toBe(0x60);
  });

  it("refuses input when the ring is full", () => {
    for (let i: u32 = 0; i < 4096; i++) expect(uartInput(0, i)).toBe(1);
    expect(uartInput(0, 0)).toBe(0);
  });

  it("selects the divisor with DLAB", () => {
    uartWrite(0, 3, 0x83);
    uartWrite(0, 0, 0x01);
    uartWrite(0, 1, 0x02);
    expect(uartRead(0, 0)).toBe(1);
    expect(uartRead(0, 1)).toBe(2);
    uartWrite(0, 3, 0x03);
    expect(uartRead(0, 1)).toBe(0);
  });

  it("interrupts for received data and goes quiet when it is read", () => {
    uartWrite(0, 1, 1);
    uartInput(0, 0x78);
    expect(interruptPending()).toBe(true);
    expect(uartRead(0, 2)).toBe(0x04);
    uartRead(0, 0);
    expect(uartRead(0, 2)).toBe(0x01);
    expect(interruptPending()).toBe(false);
  });

  it("reports a time-out below the trigger level", () => {
    uartWrite(0, 2, 0xc1);
    uartWrite(0, 1, 1);
    uartInput(0, 0x78);
    expect(uartRead(0, 2)).toBe(0xcc);
  });

  it("raises the transmit interrupt when it is enabled and clears it by reading IIR", () => {
    uartWrite(0, 1, 2);
    expect(interruptPending()).toBe(true);
    expect(uartRead(0, 2)).toBe(0x02);
    expect(uartRead(0, 2)).toBe(0x01);
    uartWrite(0, 0, 0x41);
    expect(uartRead(0, 2)).toBe(0x02);
  });

  it("loops transmitted bytes and modem lines back", () => {
    uartWrite(0, 4, 0x1a);
    expect(uartRead(0, 6) & 0xf0).toBe(0x90);
    uartWrite(0, 0, 0x5a);
    expect(uartRead(0, 0)).toBe(0x5a);
    expect(load<u32>(UART_OUTPUT_WRITTEN)).toBe(0);
  });

  it("keeps the scratch register and identifies its FIFO", () => {
    uartWrite(0, 7, 0xa5);
    expect(uartRead(0, 7)).toBe(0xa5);
    uartWrite(0, 2, 0x01);
    expect(uartRead(0, 2) & 0xc0).toBe(0xc0);
  });

  it("keeps the two ports apart", () => {
    uartInput(1, 0x79);
    expect(uartRead(0, 5)).toBe(0x60);
    expect(uartRead(1, 0)).toBe(0x79);
  });
});
