// Where the fixed registers of the ACPI hardware are (ACPI 6.5, 4.8), for the device that has them and the table
// that says so.

/** PM1a status (16 bits) and enable (16 bits). */
export const PM1_EVENT = 0x600;
/** PM1a control (16 bits). */
export const PM1_CONTROL = 0x604;
/** Power management timer (32 bits). */
export const PM_TIMER = 0x608;
/** The system control interrupt. */
export const SCI_LINE = 9;
