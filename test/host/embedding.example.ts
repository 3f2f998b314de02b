// The embedding example of the README: a guest of nine bytes, a port on the host, and a look inside.
import { Hypervisor, loadImage } from "../../src/node.js";

const hypervisor = await Hypervisor.create();
const partition = hypervisor.createPartition({ memory: 16 * 1024 * 1024 });

// mov al, 42 ; out 0x10, al ; in al, 0x10 ; xor ah, ah ; hlt
const program = Uint8Array.of(0xb0, 42, 0xe6, 0x10, 0xe4, 0x10, 0x30, 0xe4, 0xf4);
loadImage(partition, program, { format: "flat", address: 0x7c00, mode: "real" });

partition.onPorts(0x10, 1, {
  read: () => 7,
  write: (port, size, value) => console.log(`port ${port}: ${value} (${size} byte)`),
});

const exit = partition.run({ ticks: 1_000_000 });
console.log(`${exit.reason} after ${exit.instructions} instructions`);
console.log(`ax = ${partition.processors[0].registers.ax}`);

hypervisor[Symbol.dispose]();
