// The engine room: the plan of the linear memory, sharing of the module, traps, and the cost of exits.

import binaryen from "binaryen";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMIT_MAX, type MemoryPlan, PAGE, planMemory, setStride } from "../../src/engine/plan.js";
import { DYNAMIC, FRAME_SIZE } from "../../src/engine/views.js";
import { EngineError, Hypervisor, loadImage } from "../../src/node.js";
import { codeOf, createPartition, machine } from "./machine.js";

describe("the plan of a partition's memory", () => {
  const FRAMES_MAX = 0xe000_0000 / PAGE;
  const plans = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: FRAMES_MAX }));
  const holds = (property: (plan: MemoryPlan, frames: number) => boolean): void => {
    fc.assert(fc.property(plans, (frames) => property(planMemory(frames), frames)));
  };

  test("slots span the end of guest memory, so that look-ups are exact without tags", () => {
    holds((plan) => (plan.slotMask + 1) * PAGE >= plan.limit + PAGE);
    holds((plan) => Math.log2(plan.slotMask + 1) % 1 === 0);
  });

  test("guest memory ends below the highest address that cannot wrap", () => {
    holds((plan, frames) => plan.limit === plan.ramBase + frames * PAGE && plan.limit <= LIMIT_MAX);
  });

  test("frame table, sets and RAM follow one another without overlap", () => {
    holds((plan, frames) => plan.frameTable === DYNAMIC && plan.setsBase >= DYNAMIC + frames * FRAME_SIZE);
    holds((plan) => plan.ramBase >= plan.setsBase + plan.setsCount * plan.setsStride);
    holds((plan) => plan.ramBase % PAGE === 0 && plan.wasmPages * 65536 >= plan.limit);
  });

  test("there are 2 to 60 sets, under 64 MiB unless the minimum needs more", () => {
    holds(
      ({ setsCount, setsStride }) =>
        setsCount >= 2 && setsCount <= 60 && (setsCount === 2 || setsCount * setsStride <= 64 * 2 ** 20),
    );
    holds(({ slotMask, setsStride }) => setsStride === setStride(slotMask + 1));
  });

  test("the largest memory fits", () => {
    expect(planMemory(FRAMES_MAX).limit).toBeLessThanOrEqual(LIMIT_MAX);
    expect(codeOf(() => planMemory(LIMIT_MAX / PAGE))).toBe("invalid-memory-size");
  });
});

/** A module with the core's exports whose `run` traps. */
function trappingCore(): Uint8Array<ArrayBuffer> {
  const exports = [
    "select",
    "reset",
    "refresh",
    "step",
    "complete",
    "completeFault",
    "rflags",
    "setRflags",
    "writeControl",
  ];
  exports.push("init", "addRange", "removeRange", "memoryWritten", "translate", "retired", "uartInput", "resetChipset");
  const functions = exports.map((name) => `(func (export "${name}") (result i32) (i32.const 1))`);
  const text = `(module (import "env" "memory" (memory 1)) (func (export "run") (result i32) (unreachable)) ${functions.join(" ")})`;
  return Uint8Array.from(binaryen.parseText(text).emitBinary());
}

test("a trap of the core is a typed error that names the processor, and the partition stays inspectable", async () => {
  const host = await Hypervisor.create({ wasm: trappingCore() });
  const partition = host.createPartition({ memory: 1 << 20 });
  partition.processors[0].registers.rip = 0x1234n;
  let error: unknown;
  try {
    partition.run();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(EngineError);
  expect(error).toMatchObject({ code: "engine-trap", processor: 0, rip: 0x1234n });
  expect((error as EngineError).cause).toBeInstanceOf(WebAssembly.RuntimeError);
  expect(partition.processors[0].registers.rip).toBe(0x1234n);
  expect(partition.memory.readUint8(0)).toBe(0);
  expect(codeOf(() => partition.run())).toBe("engine-trap");
});

test("an error of a handler passes through and leaves the partition usable", async () => {
  const { partition } = await machine("in al, 0x10\nhlt");
  let fail = true;
  partition.onPorts(0x10, 1, {
    read: () => {
      if (fail) throw new Error("mine");
      return 1;
    },
  });
  expect(() => partition.run()).toThrow("mine");
  fail = false;
  expect(partition.run().reason).toBe("halt");
});

test("something that is no core is refused", async () => {
  await expect(Hypervisor.create({ wasm: Uint8Array.of(1, 2, 3) })).rejects.toMatchObject({ code: "core-unavailable" });
  await expect(Hypervisor.create({ wasm: new URL("file:///nonexistent.wasm") })).rejects.toMatchObject({
    code: "core-unavailable",
  });
});

test("exits and runs allocate nothing", async () => {
  const partition = await createPartition({ unhandled: { ports: "exit" } });
  loadImage(partition, Uint8Array.of(0xe4, 0x10, 0xeb, 0xfc)); // in al, 10h; jmp back
  const options = { ticks: 1000 };
  let sum = 0;
  const exits = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const exit = partition.run(options);
      if (exit.reason === "ioPort") {
        sum += exit.port + exit.size;
        exit.complete(1);
      }
    }
  };
  exits(50_000);
  // A collection in between would hide allocations, or count others': the best of a few rounds is ours.
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const before = process.memoryUsage().heapUsed;
    exits(50_000);
    least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before));
  }
  expect(sum).toBeGreaterThan(0);
  expect(least / 50_000).toBeLessThan(1);
});
