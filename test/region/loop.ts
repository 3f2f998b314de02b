// A loop of three instructions and the region that a translator would make of it.

import * as L from "../../src/engine/views.js";
import {
  add,
  constant,
  exit,
  type FakeRegion,
  forever,
  gpr,
  isZero,
  load,
  pay,
  store,
  store64,
  subtract,
  when,
} from "./fake.js";
import { MODE32, PAGE_FRAME } from "./world.js";

export const PROGRAM = "mov ecx, 40\nagain: add eax, 3\ndec ecx\njnz again\nmov ebx, 7\ncli\nhlt";
/** Offsets of the loop and of what follows it. */
export const AGAIN = 5;
export const BEHIND = 11;
/** DEC of 32 bits; CF is that of the addition. */
const DEC32 = (7 << 2) | 2;

/** What a translator makes of the loop. */
export const LOOP: FakeRegion = {
  mode: MODE32,
  reserve: 3,
  pages: [[0, PAGE_FRAME, AGAIN, BEHIND - 1]],
  entries: [AGAIN],
  exits: [
    { type: L.ExitType.STATIC, place: BEHIND, flags: DEC32 },
    { type: L.ExitType.FUEL, place: AGAIN, back: 3 },
  ],
  body: forever([
    ...pay(3, 1),
    ...store64(gpr(0), add(load(gpr(0)), constant(3))),
    ...store64(gpr(1), subtract(load(gpr(1)), constant(1))),
    // The addition never carries here.
    ...store(L.LAZY_CARRY, constant(0)),
    ...store(L.LAZY_RESULT, load(gpr(1))),
    ...store(L.LAZY_KIND, constant(DEC32)),
    ...when(isZero(load(gpr(1))), exit(0)),
  ]),
};
