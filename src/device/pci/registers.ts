// Offsets and bits of a type 0 configuration header and of the capabilities in use (PCI Local Bus 3.0, 6.1,
// 6.2, 6.7 message-signalled interrupts; 6.8 is MSI-X's home).
//
//   00h device | vendor      04h status | command     08h class code | revision   0Ch BIST, header, latency, line
//   10h-24h base addresses   28h CardBus              2Ch subsystem | its vendor  30h expansion ROM
//   34h capabilities         3Ch max latency, min grant, interrupt pin, interrupt line

export const CONFIG_SIZE = 256;

export const VENDOR_ID = 0x00;
export const DEVICE_ID = 0x02;
export const COMMAND = 0x04;
export const STATUS = 0x06;
export const REVISION_ID = 0x08;
export const CACHE_LINE_SIZE = 0x0c;
export const LATENCY_TIMER = 0x0d;
export const BASE_ADDRESS = 0x10;
export const BASE_ADDRESSES = 6;
export const SUBSYSTEM_VENDOR_ID = 0x2c;
export const SUBSYSTEM_ID = 0x2e;
export const CAPABILITIES_POINTER = 0x34;
export const INTERRUPT_LINE = 0x3c;
export const INTERRUPT_PIN = 0x3d;
/** First byte behind the header. */
export const DEVICE_SPECIFIC = 0x40;

export const COMMAND_IO_SPACE = 1 << 0;
export const COMMAND_MEMORY_SPACE = 1 << 1;
export const COMMAND_BUS_MASTER = 1 << 2;
export const COMMAND_PARITY = 1 << 6;
export const COMMAND_SERR = 1 << 8;
export const COMMAND_INTERRUPT_DISABLE = 1 << 10;

export const STATUS_INTERRUPT = 1 << 3;
export const STATUS_CAPABILITIES = 1 << 4;

export const BAR_IO = 1;
export const BAR_MEMORY_64 = 2 << 1;
export const BAR_PREFETCHABLE = 1 << 3;

export const CAPABILITY_MSI = 0x05;
export const CAPABILITY_MSIX = 0x11;

export const MSI_ENABLE = 1 << 0;
export const MSI_64BIT = 1 << 7;

export const MSIX_FUNCTION_MASK = 1 << 14;
export const MSIX_ENABLE = 1 << 15;
