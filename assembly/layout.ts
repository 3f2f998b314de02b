// The linear-memory map of one partition: every base and every field offset, and nothing else.
//
//   0x00000000  unused guard: a null pointer never names state
//   0x00001000  STATE      hot state of the running processor, at constant addresses (accesses fold)
//   0x00003000  CONTROL    host <-> core: budget, exit record, replay log, statistics
//   0x00005000  PARTITION  partition-wide variables (plan of the dynamic zone, scheduler, generations)
//   0x00006000  CHIPSET    interrupt controllers, UART and its rings
//   0x00010000  PROCESSORS saved hot state of the processors that are not running (64 x 8 KiB)
//   0x00090000  LAPICS     local APICs (64 x 512 bytes), then the I/O APIC and the interval timer
//   0x000A0000  static data of the compiled core (asconfig.json: memoryBase), tables of decode/
//   0x00100000  JUMP_CACHE, FETCH_TLB, BLOCK_HASH, CPUID table, range table ...
//   0x00200000  ARENA      decoded micro-ops
//   0x01000000  TRANSLATION: records of translated regions, their side tables, the translator's workspace
//   0x01800000  dynamic zone, planned by the host (src/engine/plan.ts) for the partition's memory size:
//               frame table | lookup-table sets | guest RAM (page aligned, ends at LIMIT)
//
// This file is plain TypeScript as well as AssemblyScript: src/engine/views.ts is generated from it.

// ---- hot state ------------------------------------------------------------------------------------
export const STATE: usize = 0x1000;
export const STATE_SIZE: usize = 0x2000;

/** 16 general registers of 8 bytes in encoding order (rax rcx rdx rbx rsp rbp rsi rdi r8..r15). */
export const GPR: usize = STATE;
/** Eight bytes that are always zero: what an absent base or index register points at. */
export const ZERO: usize = STATE + 0x80;
/** RIP, valid outside the interpreter's loop and for handlers that return JUMP. */
export const RIP: usize = STATE + 0x88;
/** CS-relative address of byte 0 of the current code page: RIP of a micro-op = RIP_PAGE + its offset. */
export const RIP_PAGE: usize = STATE + 0x90;
/** Mask of the instruction pointer: 2^32-1, in 64-bit mode 2^64-1. */
export const RIP_MASK: usize = STATE + 0x98;
/** RFLAGS without the six arithmetic flags (those are lazy, see vcpu/flags). */
export const SYSTEM_FLAGS: usize = STATE + 0xa0;
/** Lazy flags: kind (LazyKind << 2 | log2 size), carry word, result and first operand. */
export const LAZY_KIND: usize = STATE + 0xa4;
export const LAZY_CARRY: usize = STATE + 0xa8;
export const LAZY_RESULT: usize = STATE + 0xb0;
export const LAZY_A: usize = STATE + 0xb8;

/** Ticks that are left of the slice (i32); the interpreter keeps it in a local, stored around calls. */
export const FUEL: usize = STATE + 0xc0;
/** FUEL at the start of the slice. */
export const FUEL_START: usize = STATE + 0xc4;
/** Ticks of this processor up to the start of the slice (u64). */
export const TICKS: usize = STATE + 0xc8;
/** ticks - retired (u64): what REP elements and event deliveries add to ticks only. */
export const TICKS_NOT_RETIRED: usize = STATE + 0xd0;

/** Pending failure of the current instruction: Fault (0 none, 1 exception, 2 exit to the host). */
export const FAULT: usize = STATE + 0xd8;
export const FAULT_VECTOR: usize = STATE + 0xdc;
export const FAULT_ERROR: usize = STATE + 0xe0;
/** Event type of the fault: EventType in x86/vectors. */
export const FAULT_TYPE: usize = STATE + 0xe4;
/** Linear address for #PF (becomes CR2 on delivery). */
export const FAULT_ADDRESS: usize = STATE + 0xe8;
/** DR6 bits to set when the fault is #DB. */
export const FAULT_DR6: usize = STATE + 0xf0;
/** Replayed accesses consumed by the current instruction (host exits re-execute, see vcpu/exit). */
export const REPLAY_POSITION: usize = STATE + 0xf4;

/** Segments ES CS SS DS FS GS LDTR TR: structure of arrays, index as in x86/segment. */
export const SEG_SELECTOR: usize = STATE + 0x100; // u32[8]
export const SEG_ATTRIBUTES: usize = STATE + 0x120; // u32[8], VMX access-rights format
export const SEG_LIMIT: usize = STATE + 0x140; // u32[8], in bytes, granularity applied
export const SEG_BASE: usize = STATE + 0x160; // u64[8]
/** Base that an access adds: 0 for ES CS SS DS in 64-bit mode, otherwise SEG_BASE. u64[8]. */
export const SEG_EFFECTIVE: usize = STATE + 0x1a0;

export const GDTR_BASE: usize = STATE + 0x1e0;
export const IDTR_BASE: usize = STATE + 0x1e8;
export const GDTR_LIMIT: usize = STATE + 0x1f0;
export const IDTR_LIMIT: usize = STATE + 0x1f4;
export const CPL: usize = STATE + 0x1f8;
/** Interrupt shadow: Shadow bits (STI, MOV SS), one instruction long. */
export const SHADOW: usize = STATE + 0x1fc;

export const CR0: usize = STATE + 0x200;
export const CR2: usize = STATE + 0x208;
export const CR3: usize = STATE + 0x210;
export const CR4: usize = STATE + 0x218;
export const CR8: usize = STATE + 0x220;
export const EFER: usize = STATE + 0x228;
export const XCR0: usize = STATE + 0x230;
/** PAE page-directory-pointer registers, loaded with CR3. u64[4]. */
export const PDPTE: usize = STATE + 0x240;
/** DR0-DR3, (4, 5 unused), DR6, DR7. u64[8]. */
export const DR: usize = STATE + 0x260;

// MSRs that live in the state.
export const MSR_STAR: usize = STATE + 0x2a0;
export const MSR_LSTAR: usize = STATE + 0x2a8;
export const MSR_CSTAR: usize = STATE + 0x2b0;
export const MSR_SFMASK: usize = STATE + 0x2b8;
export const MSR_KERNEL_GS_BASE: usize = STATE + 0x2c0;
export const MSR_SYSENTER_CS: usize = STATE + 0x2c8;
export const MSR_SYSENTER_ESP: usize = STATE + 0x2d0;
export const MSR_SYSENTER_EIP: usize = STATE + 0x2d8;
export const MSR_PAT: usize = STATE + 0x2e0;
export const MSR_APIC_BASE: usize = STATE + 0x2e8;
export const MSR_TSC_AUX: usize = STATE + 0x2f0;
/** TSC = ticks + TSC_OFFSET. */
export const TSC_OFFSET: usize = STATE + 0x2f8;
export const MSR_MISC_ENABLE: usize = STATE + 0x300;
export const MSR_MTRR_DEF_TYPE: usize = STATE + 0x308;
/** IA32_MTRR_PHYSBASE0, PHYSMASK0, ... PHYSMASK7. u64[16]. */
export const MSR_MTRR_PHYS: usize = STATE + 0x310;
/** FIX64K_00000, FIX16K_80000, FIX16K_A0000, FIX4K_C0000 ... FIX4K_F8000. u64[11]. */
export const MSR_MTRR_FIXED: usize = STATE + 0x390;
export const MSR_FEATURE_CONTROL: usize = STATE + 0x3e8;
export const MSR_MICROCODE: usize = STATE + 0x3f0;

// Derived state: recomputed by vcpu/mode.refresh, never saved.
/** Mode word of decoded instructions (ModeBit in decode/mode). */
export const MODE: usize = STATE + 0x400;
/** Stale bits (vcpu/status): MODE and what follows no longer match the architectural state. */
export const CONTEXT_STALE: usize = STATE + 0x404;
/** Host addresses of the read and write lookup tables in force (mmu/tables). */
export const TABLE_READ: usize = STATE + 0x408;
export const TABLE_WRITE: usize = STATE + 0x40c;
/** Tag that jump-cache and fetch-TLB entries must carry: generation and context. */
export const FETCH_TAG: usize = STATE + 0x410;
/** Table set in force (index). */
export const TABLE_SET: usize = STATE + 0x414;
/** Non-zero: run one instruction at a time (TF, debug registers, a code segment that ends in this page). */
export const SINGLE_STEP: usize = STATE + 0x418;
/** Non-zero: current code page is only partly inside the CS limit. */
export const CODE_PARTIAL: usize = STATE + 0x41c;
/** Data accesses in force must be checked one by one (#AC active or data breakpoints armed). */
export const DATA_CHECKED: usize = STATE + 0x420;
/** Host address of the read table of implicit supervisor accesses (context 1 of the set in force). */
export const TABLE_SYSTEM: usize = STATE + 0x460;
/** Ticks at which SHADOW was set (u64): it holds until the next tick. */
export const SHADOW_AT: usize = STATE + 0x468;
/** What a looked-up host address must be below (u64): LIMIT, or 0 while DATA_CHECKED is set. */
export const DATA_LIMIT: usize = STATE + 0x458;
/** DR6 bits collected by data breakpoints during the current instruction. */
export const DEBUG_HITS: usize = STATE + 0x424;

// Processor status that is not a register.
/** Activity: Activity (0 active, 1 halted, 2 shutdown, 3 wait for SIPI). */
export const ACTIVITY: usize = STATE + 0x428;
export const NMI_BLOCKED: usize = STATE + 0x42c;
export const NMI_PENDING: usize = STATE + 0x430;
/** External interrupt asked for by the host: vector | 0x100 when valid. */
export const INTERRUPT_REQUEST: usize = STATE + 0x434;
/** Host wants an exit as soon as an interrupt could be taken. */
export const WANT_WINDOW: usize = STATE + 0x438;
/** Event to deliver before the next instruction: vector | EventType << 8 | has error << 11 | requeued << 12 | 1 << 31. */
export const INJECT: usize = STATE + 0x43c;
export const INJECT_ERROR: usize = STATE + 0x440;
/** Length of the instruction that a software injection returns behind. */
export const INJECT_LENGTH: usize = STATE + 0x444;
/** Index of the running processor and its local APIC identifier. */
export const PROCESSOR_INDEX: usize = STATE + 0x448;
/** Exceptions that leave to the host instead of being delivered: bit per vector. */
export const EXCEPTION_BITMAP: usize = STATE + 0x44c;
/** Other events that leave to the host: Intercept bits (vcpu/intercept). */
export const INTERCEPTS: usize = STATE + 0x450;
/** #DB trap conditions (DR6 bits) to raise at the end of the current instruction, e.g. a task's T bit. */
export const TRAP_PENDING: usize = STATE + 0x454;

/** Scratch micro-ops of single-step execution: the instruction, then a terminator. 2 x 32 bytes. */
export const SCRATCH_UOP: usize = STATE + 0x480;
/** Bytes of an instruction that lies in two frames, gathered for the decoder. 16 bytes. */
export const GATHERED: usize = STATE + 0x4e0;

// Floating-point and vector state.
/** x87 registers R0-R7 (physical, not relative to TOP): significand u64, sign and exponent u16, 6 unused. 16 bytes each. */
export const X87: usize = STATE + 0x800;
/** YMM0-YMM15, 32 bytes each; XMM is the low half. */
export const YMM: usize = STATE + 0x900;
export const X87_CONTROL: usize = STATE + 0xb00; // u16 FCW
export const X87_STATUS: usize = STATE + 0xb02; // u16 FSW, TOP included
/** Abridged tags as FXSAVE keeps them: bit n set = Rn in use. */
export const X87_TAGS: usize = STATE + 0xb04; // u8
export const X87_OPCODE: usize = STATE + 0xb06; // u16 FOP
export const X87_IP: usize = STATE + 0xb08; // u64
export const X87_DP: usize = STATE + 0xb10; // u64
export const X87_CS: usize = STATE + 0xb18; // u16
export const X87_DS: usize = STATE + 0xb1a; // u16
export const MXCSR: usize = STATE + 0xb20; // u32
/** Scratch of the arithmetic in float/, of execute/sse and of execute/vector operands: dead between instructions. */
export const FLOAT_SCRATCH: usize = STATE + 0xb40; // 128 bytes
export const SSE_SCRATCH: usize = STATE + 0xbc0; // 64 bytes
export const VECTOR_SCRATCH: usize = STATE + 0xc00; // 64 bytes
/** Second bank: the virtual state a monitor keeps for a deprivileged or nested guest. */
export const BANK2: usize = STATE + 0x1000;

// ---- control block: host <-> core -----------------------------------------------------------------
export const CONTROL: usize = 0x3000;
export const CONTROL_SIZE: usize = 0x2000;

/** Exit record (vcpu/exit): what the last run left for. */
export const EXIT_REASON: usize = CONTROL + 0x00; // ExitReason
export const EXIT_PROCESSOR: usize = CONTROL + 0x04;
/** Port number, MSR index, CPUID leaf, vector. */
export const EXIT_SELECTOR: usize = CONTROL + 0x08;
/** Size of the access in bytes. */
export const EXIT_SIZE: usize = CONTROL + 0x0c;
/** ExitFlag bits: write, string, rep, unmapped, fetch, has error code. */
export const EXIT_FLAGS: usize = CONTROL + 0x10;
/** Length of the instruction in bytes, 0 where it is not known. */
export const EXIT_LENGTH: usize = CONTROL + 0x14;
/** Guest-physical address (u64). */
export const EXIT_GPA: usize = CONTROL + 0x18;
/** Linear address (u64). */
export const EXIT_LINEAR: usize = CONTROL + 0x20;
/** Value written, or exception error code, or hypercall input (u64). */
export const EXIT_VALUE: usize = CONTROL + 0x28;
/** CPUID subleaf and default result eax ebx ecx edx. */
export const EXIT_SUBLEAF: usize = CONTROL + 0x30;
export const EXIT_CPUID: usize = CONTROL + 0x34; // u32[4]

/** Budget of the next run in ticks, all processors together (u64, in and out: what is left). */
export const BUDGET: usize = CONTROL + 0x48;
/** Arguments and results of calls that move 64-bit values (u64[4]). */
export const VALUE: usize = CONTROL + 0x50;
/** Asks run to leave at the next slice boundary (written by the host from within a callback). */
export const STOP_REQUEST: usize = CONTROL + 0x70;
/** Number of valid replay entries and their values: accesses the host has answered already. */
export const REPLAY_COUNT: usize = CONTROL + 0x74;
/** Processor that the replay log belongs to. */
export const REPLAY_PROCESSOR: usize = CONTROL + 0x78;
export const REPLAY: usize = CONTROL + 0x80; // u64[REPLAY_MAX]
export const REPLAY_MAX: u32 = 128;
/** Text of up to 32 registers read or written in bulk (u64[64]). */
export const BULK: usize = CONTROL + 0x500;
/** Bytes handed to the decoder alone (decoder tests, disassembly). */
export const DECODE_BUFFER: usize = CONTROL + 0x800;
/** Micro-op written by a decode of DECODE_BUFFER. */
export const DECODE_UOP: usize = CONTROL + 0x840;
/** Statistics, u64 each (StatisticIndex in observe/counters). */
export const STATISTICS: usize = CONTROL + 0x1000;

// ---- partition-wide variables ---------------------------------------------------------------------
export const PARTITION: usize = 0x5000;
/** Plan of the dynamic zone, written by the host before init. */
export const RAM_BASE: usize = PARTITION + 0x00; // u32 host address of frame 0
export const RAM_FRAMES: usize = PARTITION + 0x04; // u32 frames of RAM and ROM
/** End of guest memory in the linear memory, as u64: host addresses below it are guest RAM. */
export const LIMIT: usize = PARTITION + 0x08;
/** Frame table: FRAME_SIZE bytes per frame (memory/frames). */
export const FRAME_TABLE: usize = PARTITION + 0x10; // u32
/** Lookup-table sets: base, bytes per set, number of sets, slots per table minus one. */
export const SETS_BASE: usize = PARTITION + 0x14;
export const SETS_STRIDE: usize = PARTITION + 0x18;
export const SETS_COUNT: usize = PARTITION + 0x1c;
export const SLOT_MASK: usize = PARTITION + 0x20;
export const PROCESSOR_COUNT: usize = PARTITION + 0x24;
/** Processor whose state is in STATE, and what is left of its turn in ticks. */
export const CURRENT_PROCESSOR: usize = PARTITION + 0x28;
export const TURN_LEFT: usize = PARTITION + 0x2c;
/** Generation of fetch contexts; part of FETCH_TAG. */
export const FETCH_GENERATION: usize = PARTITION + 0x30;
export const CONTEXT_COUNT: usize = PARTITION + 0x34;
/** Next free byte of the micro-op arena and number of times it was emptied. */
export const ARENA_NEXT: usize = PARTITION + 0x38;
export const ARENA_FLUSHES: usize = PARTITION + 0x3c;
/** A20 mask of physical addresses as u64: all ones, or all but bit 20. */
export const A20_MASK: usize = PARTITION + 0x40;
export const RANGE_COUNT: usize = PARTITION + 0x48;
/** Clock of the lookup-table sets' least-recently-used order. */
export const SETS_CLOCK: usize = PARTITION + 0x4c;
/** Physical address width in bits. */
export const PHYSICAL_BITS: usize = PARTITION + 0x50;
export const CPUID_COUNT: usize = PARTITION + 0x54;
/** Nominal TSC frequency in Hz (u64). */
export const TSC_FREQUENCY: usize = PARTITION + 0x58;
/** Non-zero while dirty pages are logged. */
export const DIRTY_LOGGING: usize = PARTITION + 0x60;
/** The partition's clock up to the start of the slice (u64): ticks of all processors and ticks skipped while all were halted. */
export const CLOCK: usize = PARTITION + 0x68;
/** Clock of the earliest event of a device: slices end there (u64). */
export const NEXT_EVENT: usize = PARTITION + 0x70;
/** Clock at which the host wants to be called (u64): the earliest timer of its devices. */
export const HOST_DEADLINE: usize = PARTITION + 0x78;
/** The interrupt controllers have an interrupt for the running processor. */
export const INTR: usize = PARTITION + 0x80;
/** An instruction has moved NEXT_EVENT or signalled a processor: the slice must end. */
export const RECLIP: usize = PARTITION + 0x84;
/** The interpreter runs blocks: FUEL, and so the clock, is exact only where it calls out of line. */
export const IN_BLOCK: usize = PARTITION + 0x88;
/** CoreDevice bits (chipset/presence): what the partition has. */
export const CORE_DEVICES: usize = PARTITION + 0x8c;
/** Non-zero: the host sets CLOCK from real time, and idle time is not skipped. */
export const REAL_TIME: usize = PARTITION + 0x90;
/** Some processor has an INIT or start-up interrupt to take. */
export const SIGNALS: usize = PARTITION + 0x94;
/** Ticks of CLOCK that no processor executed: skipped while all were halted (u64). */
export const SKIPPED: usize = PARTITION + 0x98;
/** Records of the lookup-table sets: key and LRU (mmu/sets). 64 x 64 bytes. */
export const SET_RECORDS: usize = PARTITION + 0x100; // ends at PARTITION + 0x1000 (60 sets)
export const SET_RECORDS_MAX: u32 = 60;

// ---- chipset --------------------------------------------------------------------------------------
export const CHIPSET: usize = 0x6000;
export const PIC: usize = CHIPSET; // two 8259A, 64 bytes each
export const UART: usize = CHIPSET + 0x100; // two 16550, 128 bytes each
export const SYSTEM_PORTS: usize = CHIPSET + 0x300; // port 92h, port 80h, debug exit
/** Bytes per 8259A and per 16550 in the blocks above. */
export const PIC_SIZE: u32 = 64;
/** INTR output of the master 8259A: non-zero while an interrupt waits. */
export const PIC_INTR: usize = PIC + 0x80;
export const UART_SIZE: u32 = 128;
/** Ring positions of a UART: bytes ever written and ever read (u32 each, wrapping); ring index = position % UART_RING. */
export const UART_INPUT_WRITTEN: usize = UART + 0x40;
export const UART_INPUT_READ: usize = UART + 0x44;
export const UART_OUTPUT_WRITTEN: usize = UART + 0x48;
export const UART_OUTPUT_READ: usize = UART + 0x4c;
/** Last byte written to port 80h and how many were. */
export const POST_CODE: usize = SYSTEM_PORTS + 0x04;
export const POST_COUNT: usize = SYSTEM_PORTS + 0x08;
export const DEBUGCON_WRITTEN: usize = SYSTEM_PORTS + 0x0c;
export const DEBUGCON_READ: usize = SYSTEM_PORTS + 0x10;
/** FERR# has been asserted; IGNNE# is (chipset/coprocessor). */
export const COPROCESSOR_ERROR: usize = SYSTEM_PORTS + 0x14;
export const COPROCESSOR_IGNORED: usize = SYSTEM_PORTS + 0x18;
/** Line input that waits for the guest and output that waits for the host: rings of 4 KiB. */
export const UART_INPUT: usize = 0x8000; // 2 x 4 KiB
export const UART_OUTPUT: usize = 0xa000; // 2 x 4 KiB
export const UART_RING: u32 = 4096;
/** Port 0xE9 output ring. */
export const DEBUGCON_OUTPUT: usize = 0xc000; // 4 KiB

// ---- processors -----------------------------------------------------------------------------------
export const PROCESSORS: usize = 0x10000;
export const PROCESSORS_MAX: u32 = 64;
/** Local APIC of each processor (chipset/lapic). */
export const LAPICS: usize = 0x90000;
export const LAPIC_SIZE: usize = 0x200;
export const IOAPIC: usize = 0x98000; // 512 bytes (chipset/ioapic)
export const PIT: usize = 0x98200; // 512 bytes (chipset/pit)
/** End of the blocks above. */
export const INTERRUPT_PATH_END: usize = 0x98400;

// ---- fixed tables ---------------------------------------------------------------------------------
/** Static data of the compiled core; must equal asconfig.json's memoryBase. */
export const STATIC_DATA: usize = 0xa0000;
/** {u64 rip, u32 tag, u32 micro-op} x 4096. */
export const JUMP_CACHE: usize = 0x100000;
export const JUMP_CACHE_ENTRIES: u32 = 4096;
/** {u64 linear page, u32 tag, u32 frame} x 1024. */
export const FETCH_TLB: usize = 0x110000;
export const FETCH_TLB_ENTRIES: u32 = 1024;
/** Fetch contexts {u32 set, u32 mode, u32 csLimit, u32 cpl, u64 csBase, u64 spare} x 256. */
export const CONTEXTS: usize = 0x114000;
export const CONTEXTS_MAX: u32 = 256;
/** Guest-physical ranges, 32 bytes each (memory/ranges). */
export const RANGES: usize = 0x118000;
export const RANGES_MAX: u32 = 64;
/** CPUID table: {leaf, subleaf, flags, eax, ebx, ecx, edx, spare} u32 x 256 (vcpu/cpuid). */
export const CPUID_TABLE: usize = 0x11a000;
export const CPUID_MAX: u32 = 256;
/** Bit per port (64 Ki): set where the core itself serves the port; then bit per port for host handlers. */
export const PORT_MAP: usize = 0x11c000; // 8 KiB
/** Heads of block hash chains, u32 x 65536. */
export const BLOCK_HASH: usize = 0x120000;
export const BLOCK_HASH_ENTRIES: u32 = 65536;
/** Micro-op arena. */
export const ARENA: usize = 0x200000;
export const ARENA_SIZE: usize = 0xe00000;

// ---- translation (region/, translate/) ------------------------------------------------------------
export const TRANSLATION: usize = 0x1000000;
/** Records of translated regions (region/record). */
export const REGIONS: usize = TRANSLATION;
export const REGION_SIZE: u32 = 64;
export const REGIONS_MAX: u32 = 2048;
/** Blocks that have become hot and wait for the translator: ring of 32-byte requests (region/request). */
export const REQUESTS: usize = TRANSLATION + 0x40000;
export const REQUESTS_MAX: u32 = 256;
/** Variables of the two rooms: */
export const TRANSLATE_CONTROL: usize = TRANSLATION + 0x42000;
/** How often a block must be entered by a taken branch until it is hot; 0 = nothing is ever translated. */
export const HOT_THRESHOLD: usize = TRANSLATE_CONTROL + 0x00; // u32
/** Requests ever made and ever taken (u32, wrapping). */
export const REQUESTS_WRITTEN: usize = TRANSLATE_CONTROL + 0x04;
export const REQUESTS_READ: usize = TRANSLATE_CONTROL + 0x08;
/** Next free byte of REGION_META. */
export const META_NEXT: usize = TRANSLATE_CONTROL + 0x0c;
/** CS-relative address of byte 0 of the head page of the region that runs (u64). */
export const REGION_BASE: usize = TRANSLATE_CONTROL + 0x10;
/** Index of the region that runs. */
export const REGION_CURRENT: usize = TRANSLATE_CONTROL + 0x18;
/** Regions that died since the host last looked: their table slots can be taken back. */
export const REGIONS_DEAD: usize = TRANSLATE_CONTROL + 0x1c;
/** Highest region record in use plus one. */
export const REGIONS_END: usize = TRANSLATE_CONTROL + 0x20;
/** REQUESTS_WRITTEN when run last left for the translator. */
export const REQUESTS_NOTED: usize = TRANSLATE_CONTROL + 0x28;
/** Most guest instructions in one region. */
export const REGION_INSTRUCTIONS: usize = TRANSLATE_CONTROL + 0x24;
export const TRANSLATION_STATISTICS: usize = TRANSLATE_CONTROL + 0x100; // u64 each (region/statistics)
/** Bit per hash of a place: code to be translated cautiously (region/caution). 1 KiB. */
export const CAUTIOUS: usize = TRANSLATE_CONTROL + 0x400;
export const CAUTIOUS_BITS: u32 = 13;
/** The same of accesses that are to be looked up one by one. */
export const SPLITS: usize = TRANSLATE_CONTROL + 0x800;
/** Heads of the chains of regions per frame, u32 each, and the links of their pages (region/watch). */
export const REGION_HEADS: usize = TRANSLATION + 0x48000;
export const REGION_HEADS_ENTRIES: u32 = 8192;
export const REGION_LINKS: usize = TRANSLATION + 0x50000; // u32 x REGIONS_MAX x REGION_PAGES_MAX
export const REGION_PAGES_MAX: u32 = 16;
/** Side tables of regions: pages, entries, exits, micro-ops. */
export const REGION_META: usize = TRANSLATION + 0x70000;
export const REGION_META_END: usize = TRANSLATION + 0x500000;
/** Workspace of one translation: dead between calls. */
export const TRANSLATE_WORK: usize = TRANSLATION + 0x500000;
export const TRANSLATE_WORK_END: usize = TRANSLATION + 0x700000;
/** The module being written. */
export const TRANSLATE_OUTPUT: usize = TRANSLATION + 0x700000;
export const TRANSLATE_OUTPUT_END: usize = TRANSLATION + 0x800000;
/** Static data of the translator's own module; must equal the memoryBase of its target in asconfig.json. */
export const TRANSLATOR_DATA: usize = TRANSLATION + 0x44000; // 16 KiB
/** Start of the zone that the host plans per partition. */
export const DYNAMIC: usize = 0x1800000;

/** Bytes per frame in the frame table (memory/frames). */
export const FRAME_SIZE: u32 = 32;
/** Permission contexts of a lookup-table set: user, supervisor, supervisor with AC=1. */
export const SET_CONTEXTS: u32 = 3;
/** Entries of a set's list of filled slots; beyond it a clear scans the tables. */
export const SET_FILLED_MAX: u32 = 16384;
/** Bytes of one slot in one context: read entry 8, write entry 8, reverse-map links 8 (three arrays). */
export const SLOT_BYTES: u32 = 24;
