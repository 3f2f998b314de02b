// INT 10h, the video services (IBM PS/2 and PC BIOS interface technical reference, "Interrupt 10h"), for the text
// modes. Pages and cursors are those of the data area, where programs look for them.

import type { Vga } from "../device/vga/vga.js";
import type { GuestAccess } from "../partition/device.js";
import { type DataArea, Field, ROM_SEGMENT } from "./data-area.js";
import type { Frame } from "./frame.js";
import { RomEntry } from "./rom.js";

const PAGES = 8;
const KEEP_MEMORY = 0x80;
const BLANK = 0x20;
const DEFAULT_ATTRIBUTE = 0x07;
const DEFAULT_SHAPE = 0x0607;
/** Bits 6:5 of the cursor's first line: anything but 0 hides it. */
const SHAPE_HIDDEN = 0x60;
const CURSOR_OFF = 0x20;
const COLOR_CRTC = 0x3d4;
const CHARACTER_HEIGHT = 16;
const VGA_COLOR = 0x08;
/** Colour adapter with 256 KiB. */
const EGA_COLOR_256K = 0x0003;
const EGA_SWITCHES = 0x0009;

const Control = { BELL: 7, BACKSPACE: 8, LINE_FEED: 10, CARRIAGE_RETURN: 13 } as const;

export class Video {
  readonly #vga: Vga;
  readonly #area: DataArea;
  readonly #guest: GuestAccess;

  constructor(vga: Vga, area: DataArea, guest: GuestAccess) {
    this.#vga = vga;
    this.#area = area;
    this.#guest = guest;
  }

  get #columns(): number {
    return Math.max(1, Math.min(this.#area.get(Field.COLUMNS, 2), 132));
  }
  get #rows(): number {
    return Math.min(this.#area.get(Field.LAST_ROW), 59) + 1;
  }
  get #page(): number {
    return this.#area.get(Field.ACTIVE_PAGE) % PAGES;
  }

  /** First cell of a page. */
  #pageCell(page: number): number {
    return (this.#area.get(Field.PAGE_SIZE, 2) >> 1) * page;
  }

  setMode(mode: number): void {
    const number = mode & ~KEEP_MEMORY;
    if (number > 3 && number !== 7) return; // a graphics mode: nothing would show it
    const columns = number < 2 ? 40 : 80;
    const area = this.#area;
    this.#vga.setTextMode(columns);
    area.set(Field.VIDEO_MODE, number);
    area.set(Field.COLUMNS, columns, 2);
    area.set(Field.PAGE_SIZE, columns === 40 ? 0x0800 : 0x1000, 2);
    area.set(Field.PAGE_START, 0, 2);
    for (let page = 0; page < PAGES; page++) area.set(Field.CURSOR_POSITIONS + page * 2, 0, 2);
    area.set(Field.CURSOR_SHAPE, DEFAULT_SHAPE, 2);
    area.set(Field.ACTIVE_PAGE, 0);
    area.set(Field.CRTC_PORT, COLOR_CRTC, 2);
    area.set(Field.LAST_ROW, 24);
    area.set(Field.CHARACTER_HEIGHT, CHARACTER_HEIGHT, 2);
    if ((mode & KEEP_MEMORY) === 0)
      this.#vga.writeCells(0, new Uint16Array(0x4000).fill((DEFAULT_ATTRIBUTE << 8) | BLANK));
    this.#showCursor(0);
  }

  serve(frame: Frame): void {
    switch (frame.ah) {
      case 0x00:
        this.setMode(frame.al);
        break;
      case 0x01:
        this.#setShape(frame.ch, frame.cl);
        break;
      case 0x02:
        this.#setCursor(frame.bh % PAGES, frame.dl, frame.dh);
        break;
      case 0x03:
        frame.dx = this.#area.get(Field.CURSOR_POSITIONS + (frame.bh % PAGES) * 2, 2);
        frame.cx = this.#area.get(Field.CURSOR_SHAPE, 2);
        break;
      case 0x05:
        this.#showPage(frame.al % PAGES);
        break;
      case 0x06:
      case 0x07:
        this.#scrollWindow(frame);
        break;
      case 0x08:
        frame.ax = this.#vga.readCells(this.#cursorCell(frame.bh % PAGES), 1)[0];
        break;
      case 0x09:
      case 0x0a:
        this.#repeat(frame);
        break;
      case 0x0e:
        this.#teletype(this.#page, frame.al);
        break;
      case 0x0f:
        frame.ah = this.#area.get(Field.COLUMNS);
        frame.al = this.#area.get(Field.VIDEO_MODE);
        frame.bh = this.#page;
        break;
      case 0x11:
        this.#font(frame);
        break;
      case 0x12:
        this.#alternateSelect(frame);
        break;
      case 0x13:
        this.#writeString(frame);
        break;
      case 0x1a:
        frame.al = 0x1a;
        frame.bx = VGA_COLOR;
        break;
      case 0x4f: // no VESA extensions
        frame.ax = 0x0100;
        break;
      default:
        break;
    }
  }

  /** Lines as a character of 8 would have them; a VGA scales them to its 16. */
  #setShape(first: number, last: number): void {
    this.#area.set(Field.CURSOR_SHAPE, (first << 8) | last, 2);
    if ((first & SHAPE_HIDDEN) !== 0) this.#vga.setCursorShape(CURSOR_OFF, 0);
    else if (first < 8 && last < 8 && this.#area.get(Field.CHARACTER_HEIGHT, 2) > 8) {
      this.#vga.setCursorShape(first === 0 ? 0 : first * 2 + 1, last * 2);
    } else this.#vga.setCursorShape(first & 0x1f, last);
  }

  #cursor(page: number): { column: number; row: number } {
    const position = this.#area.get(Field.CURSOR_POSITIONS + page * 2, 2);
    return { column: position & 0xff, row: position >> 8 };
  }

  #cursorCell(page: number): number {
    const { column, row } = this.#cursor(page);
    return this.#pageCell(page) + row * this.#columns + column;
  }

  #setCursor(page: number, column: number, row: number): void {
    this.#area.set(Field.CURSOR_POSITIONS + page * 2, (row << 8) | column, 2);
    this.#showCursor(page);
  }

  #showCursor(page: number): void {
    if (page === this.#page) this.#vga.cursorCell = this.#cursorCell(page) & 0xffff;
  }

  #showPage(page: number): void {
    const cell = this.#pageCell(page);
    this.#area.set(Field.ACTIVE_PAGE, page);
    this.#area.set(Field.PAGE_START, cell * 2, 2);
    this.#vga.start = cell;
    this.#showCursor(page);
  }

  /** Moves lines of a window up (or down) by some, or blanks it. */
  #scroll(page: number, top: number, left: number, bottom: number, right: number, by: number, attribute: number): void {
    const columns = this.#columns;
    const last = Math.min(bottom, this.#rows - 1);
    const width = Math.min(right, columns - 1) - left + 1;
    const height = last - top + 1;
    if (width <= 0 || height <= 0) return;
    const cell = (row: number): number => this.#pageCell(page) + row * columns + left;
    const blank = new Uint16Array(width).fill((attribute << 8) | BLANK);
    const distance = by === 0 || Math.abs(by) > height ? height : Math.abs(by);
    for (let n = 0; n < height; n++) {
      const to = by < 0 ? last - n : top + n;
      const from = by < 0 ? to - distance : to + distance;
      const moved = from >= top && from <= last;
      this.#vga.writeCells(cell(to), moved ? this.#vga.readCells(cell(from), width) : blank);
    }
  }

  #scrollWindow(frame: Frame): void {
    const by = frame.ah === 0x06 ? frame.al : -frame.al;
    this.#scroll(this.#page, frame.ch, frame.cl, frame.dh, frame.dl, by, frame.bh);
  }

  /** Functions 09h and 0Ah: a character, over and over, without moving the cursor. */
  #repeat(frame: Frame): void {
    const cell = this.#cursorCell(frame.bh % PAGES);
    const count = Math.min(frame.cx, 0x4000);
    const cells = this.#vga.readCells(cell, count);
    for (let n = 0; n < count; n++) {
      const attribute = frame.ah === 0x09 ? frame.bl << 8 : cells[n] & 0xff00;
      cells[n] = attribute | frame.al;
    }
    this.#vga.writeCells(cell, cells);
  }

  /** Writes one character as a terminal does; the attribute stays unless one is given. */
  #teletype(page: number, character: number, attribute?: number): void {
    let { column, row } = this.#cursor(page);
    switch (character) {
      case Control.BELL:
        return;
      case Control.BACKSPACE:
        column = Math.max(0, column - 1);
        break;
      case Control.LINE_FEED:
        row++;
        break;
      case Control.CARRIAGE_RETURN:
        column = 0;
        break;
      default: {
        const cell = this.#pageCell(page) + row * this.#columns + column;
        const kept = attribute === undefined ? this.#vga.readCells(cell, 1)[0] & 0xff00 : attribute << 8;
        this.#vga.writeCells(cell, [kept | character]);
        column++;
        break;
      }
    }
    if (column >= this.#columns) {
      column = 0;
      row++;
    }
    const rows = this.#rows;
    if (row >= rows) {
      row = rows - 1;
      const last = this.#vga.readCells(this.#pageCell(page) + row * this.#columns, 1)[0];
      this.#scroll(page, 0, 0, row, this.#columns - 1, 1, last >> 8);
    }
    this.#setCursor(page, column, row);
  }

  #writeString(frame: Frame): void {
    const page = frame.bh % PAGES;
    const hasAttributes = (frame.al & 2) !== 0;
    // No more than a screen: the rest would only scroll away.
    const count = Math.min(frame.cx, this.#rows * this.#columns);
    const text = this.#guest.read(frame.es * 16 + frame.bp, count * (hasAttributes ? 2 : 1));
    const before = this.#cursor(page);
    this.#setCursor(page, frame.dl, frame.dh);
    for (let n = 0; n < count; n++) {
      if (hasAttributes) this.#teletype(page, text[n * 2], text[n * 2 + 1]);
      else this.#teletype(page, text[n], frame.bl);
    }
    if ((frame.al & 1) === 0) this.#setCursor(page, before.column, before.row);
  }

  /** Fonts are not drawn, but their height decides how many lines there are. */
  #font(frame: Frame): void {
    const heights: Record<number, number> = { 17: 14, 18: 8, 20: 16 };
    const height = heights[frame.al];
    if (height !== undefined) {
      this.#vga.setCharacterHeight(height);
      this.#area.set(Field.CHARACTER_HEIGHT, height, 2);
      this.#area.set(Field.LAST_ROW, this.#vga.rows - 1);
    } else if (frame.al === 0x30) {
      frame.es = ROM_SEGMENT;
      frame.bp = RomEntry.configuration;
      frame.cx = this.#area.get(Field.CHARACTER_HEIGHT, 2);
      frame.dl = this.#rows - 1;
    }
  }

  #alternateSelect(frame: Frame): void {
    if (frame.bl === 0x10) {
      frame.bx = EGA_COLOR_256K;
      frame.cx = EGA_SWITCHES;
    } else if (frame.bl >= 0x30 && frame.bl <= 0x36) frame.al = 0x12;
  }
}
