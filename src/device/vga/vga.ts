// A VGA in text mode (IBM VGA and XGA technical reference; FreeVGA's register notes): the registers at
// 3B0h-3BBh and 3C0h-3DFh, and the screen that they and the text memory make. Graphics modes are not drawn.
//
// Text memory is guest RAM at B8000h, which the host only reads: the guest's writes then cost nothing, and a
// text screen needs no more. In a partition that leaves a hole at A0000h (option vgaHole) the adapter brings
// 128 KiB of its own, and every access to it is an exit.
//
//   character cell   7 blink | background (3) | foreground (4)  :  code page 437

import type { Device, DeviceBus } from "../../partition/device.js";
import { bytewise } from "../bytewise.js";
import { characterOf } from "./code-page.js";

const WINDOW = 0xa0000;
const WINDOW_SIZE = 0x20000;
/** Text memory repeats behind 32 KiB. */
const TEXT_SIZE = 0x8000;
const MONO_PORTS = { first: 0x3b0, count: 12 };
const PORTS = { first: 0x3c0, count: 32 };

const Port = {
  ATTRIBUTE: 0x3c0,
  ATTRIBUTE_READ: 0x3c1,
  MISC_WRITE: 0x3c2,
  ENABLE: 0x3c3,
  SEQUENCER: 0x3c4,
  SEQUENCER_DATA: 0x3c5,
  PEL_MASK: 0x3c6,
  DAC_READ: 0x3c7,
  DAC_WRITE: 0x3c8,
  DAC_DATA: 0x3c9,
  FEATURE_READ: 0x3ca,
  MISC_READ: 0x3cc,
  GRAPHICS: 0x3ce,
  GRAPHICS_DATA: 0x3cf,
  CRTC: 0x3d4,
  CRTC_DATA: 0x3d5,
  STATUS_1: 0x3da,
} as const;
/** Monochrome emulation moves the ports of CRTC and status down by this. */
const MONO_SHIFT = 0x20;

const Crtc = {
  DISPLAY_END: 0x01,
  OVERFLOW: 0x07,
  MAX_SCAN_LINE: 0x09,
  CURSOR_START: 0x0a,
  CURSOR_END: 0x0b,
  START_HIGH: 0x0c,
  START_LOW: 0x0d,
  CURSOR_HIGH: 0x0e,
  CURSOR_LOW: 0x0f,
  RETRACE_END: 0x11,
  VERTICAL_DISPLAY_END: 0x12,
  OFFSET: 0x13,
} as const;
const CURSOR_OFF = 0x20;
const PROTECT = 0x80;
const LINE_COMPARE_8 = 0x10;

/** Registers of mode 3, 80 x 25 with 9 x 16 characters, as the BIOS sets them. */
const MODE_3_CRTC = [
  0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00,
  0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
]; // biome-ignore format: 16 registers in a row
/** What mode 1 has instead, from register 0 on. */
const MODE_1_HORIZONTAL = [0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0];
const MODE_3_SEQUENCER = [0x03, 0x00, 0x03, 0x00, 0x02];
const MODE_3_GRAPHICS = [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff];
const MODE_3_ATTRIBUTE = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
  0x0c, 0x00, 0x0f, 0x08, 0x00,
]; // biome-ignore format: 16 registers in a row
const MODE_3_MISC = 0x67;
const MISC_COLOR = 0x01;
const ATTRIBUTE_INDEX = 0x1f;
const ATTRIBUTE_VIDEO_ON = 0x20;

const DISPLAY_DISABLED = 0x01;
const VERTICAL_RETRACE = 0x08;
/** 720 x 400 at 70 Hz: 449 lines of 31.778 us, of which 400 and of each four fifths are shown. */
const LINE = 31_778;
const LINES = 449;
const LINES_SHOWN = 400;
const RETRACE_FIRST = 412;
const RETRACE_END = 414;
/** What reading a register takes on an ISA bus. Guest time does not charge it, and programs poll. */
const READ_TIME = 1000;

export interface ScreenCursor {
  readonly column: number;
  readonly row: number;
  readonly visible: boolean;
}

interface VgaState {
  crtc: number[];
  sequencer: number[];
  graphics: number[];
  attribute: number[];
  dac: number[];
  misc: number;
  enable: number;
  pelMask: number;
  indices: number[];
  attributeData: boolean;
  dacRead: boolean;
  dacPosition: number;
  reads: number;
  memory?: Uint8Array;
}

/** The 64 colours of the EGA, which the DAC shows in text modes: rgbRGB, two bits per component. */
function defaultDac(): Uint8Array {
  const dac = new Uint8Array(256 * 3);
  for (let n = 0; n < 64; n++) {
    for (let component = 0; component < 3; component++) {
      const high = (n >> (2 - component)) & 1;
      const low = (n >> (5 - component)) & 1;
      dac[n * 3 + component] = (high * 2 + low) * 21;
    }
  }
  return dac;
}

export class Vga implements Device {
  readonly name = "vga";
  #bus: DeviceBus | undefined;
  readonly #crtc = new Uint8Array(0x19);
  readonly #sequencer = new Uint8Array(5);
  readonly #graphics = new Uint8Array(9);
  readonly #attribute = new Uint8Array(0x15);
  readonly #dac = defaultDac();
  #crtcIndex = 0;
  #sequencerIndex = 0;
  #graphicsIndex = 0;
  #attributeIndex = 0;
  /** The next write to 3C0h is data. */
  #attributeData = false;
  #misc = 0;
  #enable = 1;
  #pelMask = 0xff;
  #dacRead = false;
  /** Component of the DAC, colour * 3 + 0-2, that is accessed next. */
  #dacPosition = 0;
  /** Reads of the status register, which make time pass there. */
  #reads = 0;
  /** The adapter's own memory, where the partition leaves it a hole. */
  #memory: Uint8Array | undefined;

  connect(bus: DeviceBus): void {
    this.#bus = bus;
    if (!bus.guest.isMapped(WINDOW, WINDOW_SIZE, true)) this.#bringMemory(bus);
    const handlers = {
      read: (port: number) => this.#read(port),
      write: (port: number, value: number) => this.#write(port, value),
    };
    for (const { first, count } of [MONO_PORTS, PORTS]) bus.ports(first, count, bytewise(first, count, handlers));
  }

  #bringMemory(bus: DeviceBus): void {
    const memory = new Uint8Array(WINDOW_SIZE);
    const view = new DataView(memory.buffer);
    this.#memory = memory;
    bus.memory(WINDOW, WINDOW_SIZE, {
      read: (offset, size) => {
        if (size === 8) return view.getBigUint64(offset, true);
        return size === 4 ? view.getUint32(offset, true) : size === 2 ? view.getUint16(offset, true) : memory[offset];
      },
      write: (offset, size, value) => {
        if (size === 8) view.setBigUint64(offset, value, true);
        else if (size === 4) view.setUint32(offset, Number(value), true);
        else if (size === 2) view.setUint16(offset, Number(value), true);
        else memory[offset] = Number(value);
      },
    });
  }

  /** Mode 3, as the BIOS of the adapter sets it at power-on. Text memory keeps its contents, as RAM does. */
  reset(): void {
    this.setTextMode();
    this.#dac.set(defaultDac());
    this.#enable = 1;
    this.#pelMask = 0xff;
    this.#dacRead = false;
    this.#dacPosition = 0;
    this.#reads = 0;
  }

  /** Mode 3, or mode 1 with 40 columns. */
  setTextMode(columns: 40 | 80 = 80): void {
    this.#crtc.set(MODE_3_CRTC);
    if (columns === 40) {
      this.#crtc.set(MODE_1_HORIZONTAL);
      this.#crtc[Crtc.OFFSET] = 20;
    }
    this.#sequencer.set(MODE_3_SEQUENCER);
    this.#graphics.set(MODE_3_GRAPHICS);
    this.#attribute.set(MODE_3_ATTRIBUTE);
    this.#misc = MODE_3_MISC;
    this.#crtcIndex = 0;
    this.#sequencerIndex = 0;
    this.#graphicsIndex = 0;
    this.#attributeIndex = ATTRIBUTE_VIDEO_ON;
    this.#attributeData = false;
  }

  save(): VgaState {
    return {
      crtc: [...this.#crtc],
      sequencer: [...this.#sequencer],
      graphics: [...this.#graphics],
      attribute: [...this.#attribute],
      dac: [...this.#dac],
      misc: this.#misc,
      enable: this.#enable,
      pelMask: this.#pelMask,
      indices: [this.#crtcIndex, this.#sequencerIndex, this.#graphicsIndex, this.#attributeIndex],
      attributeData: this.#attributeData,
      dacRead: this.#dacRead,
      dacPosition: this.#dacPosition,
      reads: this.#reads,
      memory: this.#memory?.slice(),
    };
  }

  restore(state: unknown): void {
    const saved = state as VgaState;
    this.#crtc.set(saved.crtc.slice(0, this.#crtc.length));
    this.#sequencer.set(saved.sequencer.slice(0, this.#sequencer.length));
    this.#graphics.set(saved.graphics.slice(0, this.#graphics.length));
    this.#attribute.set(saved.attribute.slice(0, this.#attribute.length));
    this.#dac.set(saved.dac.slice(0, this.#dac.length));
    this.#misc = saved.misc;
    this.#enable = saved.enable;
    this.#pelMask = saved.pelMask;
    [this.#crtcIndex, this.#sequencerIndex, this.#graphicsIndex, this.#attributeIndex] = saved.indices;
    this.#attributeData = saved.attributeData;
    this.#dacRead = saved.dacRead;
    this.#dacPosition = saved.dacPosition % this.#dac.length;
    this.#reads = saved.reads;
    if (saved.memory !== undefined) this.#memory?.set(saved.memory.slice(0, WINDOW_SIZE));
  }

  /** Ports of CRTC and status at their colour places; undefined where the other emulation is selected. */
  #place(port: number): number | undefined {
    const color = (this.#misc & MISC_COLOR) !== 0;
    if (port < PORTS.first) return color ? undefined : port + MONO_SHIFT;
    return port >= 0x3d0 && !color ? undefined : port;
  }

  #read(at: number): number {
    switch (this.#place(at)) {
      case Port.ATTRIBUTE:
        return this.#attributeIndex;
      case Port.ATTRIBUTE_READ:
        return this.#attribute[this.#attributeIndex & ATTRIBUTE_INDEX] ?? 0;
      case Port.MISC_WRITE: // input status 0: no interrupt, no switch
      case Port.FEATURE_READ:
        return 0;
      case Port.ENABLE:
        return this.#enable;
      case Port.SEQUENCER:
        return this.#sequencerIndex;
      case Port.SEQUENCER_DATA:
        return this.#sequencer[this.#sequencerIndex] ?? 0;
      case Port.PEL_MASK:
        return this.#pelMask;
      case Port.DAC_READ:
        return this.#dacRead ? 3 : 0;
      case Port.DAC_WRITE:
        return Math.floor(this.#dacPosition / 3);
      case Port.DAC_DATA:
        return this.#dac[this.#nextDac()];
      case Port.MISC_READ:
        return this.#misc;
      case Port.GRAPHICS:
        return this.#graphicsIndex;
      case Port.GRAPHICS_DATA:
        return this.#graphics[this.#graphicsIndex] ?? 0;
      case Port.CRTC:
        return this.#crtcIndex;
      case Port.CRTC_DATA:
        return this.#crtc[this.#crtcIndex] ?? 0;
      case Port.STATUS_1:
        this.#attributeData = false;
        return this.#status();
      default:
        return 0xff;
    }
  }

  #write(at: number, value: number): void {
    switch (this.#place(at)) {
      case Port.ATTRIBUTE:
        if (this.#attributeData) put(this.#attribute, this.#attributeIndex & ATTRIBUTE_INDEX, value & 0x3f);
        else this.#attributeIndex = value & (ATTRIBUTE_INDEX | ATTRIBUTE_VIDEO_ON);
        this.#attributeData = !this.#attributeData;
        break;
      case Port.MISC_WRITE:
        this.#misc = value;
        break;
      case Port.ENABLE:
        this.#enable = value & 1;
        break;
      case Port.SEQUENCER:
        this.#sequencerIndex = value & 7;
        break;
      case Port.SEQUENCER_DATA:
        put(this.#sequencer, this.#sequencerIndex, value);
        break;
      case Port.PEL_MASK:
        this.#pelMask = value;
        break;
      case Port.DAC_READ:
      case Port.DAC_WRITE:
        this.#dacRead = at === Port.DAC_READ;
        this.#dacPosition = value * 3;
        break;
      case Port.DAC_DATA:
        this.#dac[this.#nextDac()] = value & 0x3f;
        break;
      case Port.GRAPHICS:
        this.#graphicsIndex = value & 0x0f;
        break;
      case Port.GRAPHICS_DATA:
        put(this.#graphics, this.#graphicsIndex, value);
        break;
      case Port.CRTC:
        this.#crtcIndex = value & 0x1f;
        break;
      case Port.CRTC_DATA:
        this.#writeCrtc(value);
        break;
      default:
        break;
    }
  }

  #nextDac(): number {
    const position = this.#dacPosition;
    this.#dacPosition = (position + 1) % this.#dac.length;
    return position;
  }

  /** Registers 0-7 may be protected, but for bit 8 of the line compare register. */
  #writeCrtc(value: number): void {
    const index = this.#crtcIndex;
    const isProtected = index <= Crtc.OVERFLOW && (this.#crtc[Crtc.RETRACE_END] & PROTECT) !== 0;
    if (!isProtected) put(this.#crtc, index, value);
    else if (index === Crtc.OVERFLOW) {
      this.#crtc[index] = (this.#crtc[index] & ~LINE_COMPARE_8) | (value & LINE_COMPARE_8);
    }
  }

  #status(): number {
    this.#reads++;
    const time = (this.#bus?.nanoseconds ?? 0) + this.#reads * READ_TIME;
    const line = Math.floor(time / LINE) % LINES;
    const shown = line < LINES_SHOWN && time % LINE < LINE * 0.8;
    return (shown ? 0 : DISPLAY_DISABLED) | (line >= RETRACE_FIRST && line < RETRACE_END ? VERTICAL_RETRACE : 0);
  }

  get columns(): number {
    return this.#crtc[Crtc.DISPLAY_END] + 1;
  }

  /** Lines of text that the vertical timing leaves room for: 25, or 50 with a font of 8 lines. */
  get rows(): number {
    const overflow = this.#crtc[Crtc.OVERFLOW];
    const end = this.#crtc[Crtc.VERTICAL_DISPLAY_END] | ((overflow & 0x02) << 7) | ((overflow & 0x40) << 3);
    return Math.max(1, Math.floor((end + 1) / ((this.#crtc[Crtc.MAX_SCAN_LINE] & 0x1f) + 1)));
  }

  /** First cell on the screen, in cells from the start of text memory. */
  get start(): number {
    return (this.#crtc[Crtc.START_HIGH] << 8) | this.#crtc[Crtc.START_LOW];
  }
  set start(cell: number) {
    this.#crtc[Crtc.START_HIGH] = cell >> 8;
    this.#crtc[Crtc.START_LOW] = cell;
  }

  /** Cells from one line of text to the next. */
  get pitch(): number {
    return this.#crtc[Crtc.OFFSET] * 2;
  }

  /** Where the cursor stands, in cells from the start of text memory. */
  get cursorCell(): number {
    return (this.#crtc[Crtc.CURSOR_HIGH] << 8) | this.#crtc[Crtc.CURSOR_LOW];
  }
  set cursorCell(cell: number) {
    this.#crtc[Crtc.CURSOR_HIGH] = cell >> 8;
    this.#crtc[Crtc.CURSOR_LOW] = cell;
  }

  /** Scan lines of a character, which decide how many lines of text there are. */
  setCharacterHeight(height: number): void {
    const register = this.#crtc[Crtc.MAX_SCAN_LINE];
    this.#crtc[Crtc.MAX_SCAN_LINE] = (register & 0xe0) | ((height - 1) & 0x1f);
  }

  /** First and last scan line of the cursor, with bit 5 of the first turning it off. */
  setCursorShape(first: number, last: number): void {
    this.#crtc[Crtc.CURSOR_START] = first & 0x3f;
    this.#crtc[Crtc.CURSOR_END] = last & 0x1f;
  }

  get cursor(): ScreenCursor {
    const offset = this.cursorCell - this.start;
    const pitch = Math.max(1, this.pitch);
    const shape = this.#crtc[Crtc.CURSOR_START];
    const last = this.#crtc[Crtc.CURSOR_END] & 0x1f;
    const row = Math.floor(offset / pitch);
    const column = offset - row * pitch;
    const inside = row >= 0 && row < this.rows && column < this.columns;
    return { column, row, visible: inside && (shape & CURSOR_OFF) === 0 && (shape & 0x1f) <= last };
  }

  /** Guest-physical address of text memory: B8000h, or B0000h as a monochrome adapter has it. */
  get textBase(): number {
    return ((this.#graphics[6] >> 2) & 3) === 2 ? 0xb0000 : 0xb8000;
  }

  /** Calls `visit` for the pieces of text memory that some cells lie in, first byte and number of cells. */
  #pieces(cell: number, count: number, visit: (at: number, done: number, part: number) => void): void {
    for (let done = 0; done < count; ) {
      const at = ((cell + done) * 2) & (TEXT_SIZE - 1);
      const part = Math.min(count - done, (TEXT_SIZE - at) / 2);
      visit(this.textBase + at, done, part);
      done += part;
    }
  }

  /** Cells of text memory (character in the low byte, attribute in the high one) from `cell` on. */
  readCells(cell: number, count: number): Uint16Array {
    const cells = new Uint16Array(count);
    this.#pieces(cell, count, (at, done, part) => {
      const bytes =
        this.#memory?.subarray(at - WINDOW) ?? this.#bus?.guest.read(at, part * 2) ?? new Uint8Array(part * 2);
      for (let n = 0; n < part; n++) cells[done + n] = bytes[n * 2] | (bytes[n * 2 + 1] << 8);
    });
    return cells;
  }

  writeCells(cell: number, cells: ArrayLike<number>): void {
    this.#pieces(cell, cells.length, (at, done, part) => {
      const bytes = new Uint8Array(part * 2);
      for (let n = 0; n < part; n++) {
        bytes[n * 2] = cells[done + n];
        bytes[n * 2 + 1] = cells[done + n] >> 8;
      }
      if (this.#memory !== undefined) this.#memory.set(bytes, at - WINDOW);
      else this.#bus?.guest.write(at, bytes);
    });
  }

  /** What the screen shows, line by line, without the blanks at the ends of lines. */
  get lines(): string[] {
    const { rows, columns, pitch } = this;
    const cells = this.readCells(this.start, (rows - 1) * pitch + columns);
    return Array.from({ length: rows }, (_, row) => {
      const line = cells.subarray(row * pitch, row * pitch + columns);
      return Array.from(line, (cell) => characterOf(cell & 0xff))
        .join("")
        .trimEnd();
    });
  }

  /** The lines as one text. */
  get text(): string {
    return this.lines.join("\n");
  }
}

function put(registers: Uint8Array, index: number, value: number): void {
  if (index < registers.length) registers[index] = value;
}
