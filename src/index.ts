// The public API: re-exports only. Applications import it through a platform entry (node.ts, browser.ts).

export { Acpi } from "./device/acpi/acpi.js";
export { FwCfg, type FwCfgOptions } from "./device/fw-cfg.js";
export { I8042 } from "./device/i8042/controller.js";
export type { Keyboard } from "./device/i8042/keyboard.js";
export { type KeyName, keyNames } from "./device/i8042/keys.js";
export type { Mouse } from "./device/i8042/mouse.js";
export { NvmeController, type NvmeOptions } from "./device/nvme/controller.js";
export { attachPc, type Pc, type PcOptions } from "./device/pc.js";
export { PciBus } from "./device/pci/bus.js";
export type { PciFunction } from "./device/pci/function.js";
export { ResetControl } from "./device/reset-control.js";
export { Rtc, type RtcOptions } from "./device/rtc.js";
export { SerialLine } from "./device/serial.js";
export { TestDevice } from "./device/test-device.js";
export { type ScreenCursor, Vga } from "./device/vga/vga.js";
export type { CoreSource } from "./engine/module.js";
export { Bios, type BiosOptions, resetRom } from "./firmware/bios.js";
export { isDisketteSize } from "./firmware/drive.js";
export { attachBios, type BiosDisks, startBios } from "./firmware/start.js";
export type { ImageFormat, LoadedImage, StartMode } from "./loader/image.js";
export type { LinuxEntry } from "./loader/linux.js";
export { detectFormat, type LoadOptions, loadImage } from "./loader/load.js";
export type { BootModule } from "./loader/multiboot.js";
export {
  Chipset,
  type CoreDevice,
  coreDevices,
  defaultDevices,
  type InputChannel,
  type OutputChannel,
} from "./partition/chipset.js";
export type { ClockKind } from "./partition/clock.js";
export type { Device, DeviceBus, DeviceTimer, GuestAccess } from "./partition/device.js";
export type * from "./partition/exit.js";
export type { MemoryHandler, MsrHandler, PortHandler } from "./partition/handlers.js";
export { Hypervisor, type HypervisorOptions } from "./partition/hypervisor.js";
export type { RomImage } from "./partition/map.js";
export type { GuestMemory } from "./partition/memory.js";
export type { CpuidOverride, PartitionOptions } from "./partition/options.js";
export type { Partition, RunOptions } from "./partition/partition.js";
export type {
  Activity,
  EventInjection,
  EventKind,
  Intercepts,
  Translation,
  VirtualProcessor,
} from "./partition/processor.js";
export {
  type RegisterFile,
  type RegisterName,
  registerNames,
  type SegmentName,
  type SegmentRegister,
} from "./partition/registers.js";
export type { SavedPartition } from "./partition/saved.js";
export type { PartitionOutcome, StartOptions } from "./partition/schedule.js";
export type { ExitCountName } from "./partition/statistics.js";
export type { Disk } from "./storage/disk.js";
export { MemoryDisk } from "./storage/memory.js";
export { OverlayDisk } from "./storage/overlay.js";
export { EngineError, HypervisorError, type HypervisorErrorCode } from "./support/errors.js";
export type {
  GuestCode,
  InspectedExit,
  InspectedRegion,
  RegionExits,
  TranslationInspection,
  TranslationOptions,
  TranslationStatistics,
} from "./translation/index.js";
export { nameOfCell } from "./translation/index.js";
