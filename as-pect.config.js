// as-pect runs the unit specs of leaf modules of the core (test/**/*.spec.ts, AssemblyScript). The core
// addresses its memory absolutely, so a spec gets a memory that spans the fixed part of the layout, with
// as-pect's own data and heap behind it (as-pect.asconfig.json: memoryBase).
const PAGES = 1024;

export default {
  entries: ["test/**/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(_memory, createImports, instantiate, binary) {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    return instantiate(binary, createImports({ env: { memory } }));
  },
  outputBinary: false,
};
