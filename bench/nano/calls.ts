// What single calls of the API cost: entering and leaving the core, exits, registers, memory.

import benny from "benny";
import { Hypervisor } from "../../src/node.js";

const CODE = 0x1000;

export interface CallCost {
  name: string;
  ns: number;
}

export async function measureCalls(): Promise<CallCost[]> {
  const hypervisor = await Hypervisor.create();
  const spinning = hypervisor.createPartition({ memory: 16 << 20 });
  startRealMode(spinning, [0xeb, 0xfe]); // jmp $
  const reading = hypervisor.createPartition({ memory: 16 << 20, unhandled: { ports: "exit" } });
  startRealMode(reading, [0xe4, 0x10, 0xeb, 0xfc]); // again: in al, 10h; jmp again
  const served = hypervisor.createPartition({ memory: 16 << 20 });
  startRealMode(served, [0xe4, 0x10, 0xeb, 0xfc]);
  served.onPorts(0x10, 1, { read: () => 0x55 });
  const registers = spinning.processors[0].registers;
  const bulk = new BigUint64Array(4);
  const page = new Uint8Array(4096);
  const one = { ticks: 1 };
  const thousand = { ticks: 1000 };

  const suite = await benny.suite(
    "calls",
    benny.add("run({ ticks: 1 })", () => {
      spinning.run(one);
    }),
    benny.add("run({ ticks: 1000 })", () => {
      spinning.run(thousand);
    }),
    benny.add("processor.step(1)", () => {
      spinning.processors[0].step(1);
    }),
    benny.add("port exit and complete", () => {
      const exit = reading.run();
      if (exit.reason === "ioPort") exit.complete(0);
    }),
    benny.add("500 port reads served by a handler", () => {
      served.run(thousand);
    }),
    benny.add("read one register", () => {
      registers.rax;
    }),
    benny.add("read four registers in bulk", () => {
      spinning.processors[0].read(["rax", "rip", "rflags", "cr0"], bulk);
    }),
    benny.add("read 4 KiB of guest memory", () => {
      spinning.memory.read(0x2000, page);
    }),
    benny.cycle(),
    benny.complete(),
  );
  hypervisor[Symbol.dispose]();
  return suite.results.map((result) => ({ name: result.name, ns: 1e9 / result.ops }));
}

function startRealMode(partition: ReturnType<Hypervisor["createPartition"]>, code: number[]): void {
  partition.memory.write(CODE, Uint8Array.from(code));
  const { registers } = partition.processors[0];
  registers.set("cs.selector", 0);
  registers.set("cs.base", 0);
  registers.set("rip", CODE);
}
