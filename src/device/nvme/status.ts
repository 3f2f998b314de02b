// Completion status (NVM Express 1.4, 4.6.1). A command that cannot be done throws a Refusal; the controller
// turns it into the status field of the completion and an entry of the error log.
//
//   10:8 status code type (0 generic, 1 command specific, 2 media) | 7:0 status code

export const Status = {
  SUCCESS: 0x000,
  INVALID_OPCODE: 0x001,
  INVALID_FIELD: 0x002,
  DATA_TRANSFER_ERROR: 0x004,
  INTERNAL_ERROR: 0x006,
  ABORT_REQUESTED: 0x007,
  ABORTED_SQ_DELETION: 0x008,
  INVALID_NAMESPACE: 0x00b,
  COMMAND_SEQUENCE_ERROR: 0x00c,
  PRP_OFFSET_INVALID: 0x013,
  NAMESPACE_WRITE_PROTECTED: 0x020,
  LBA_OUT_OF_RANGE: 0x080,
  COMPLETION_QUEUE_INVALID: 0x100,
  INVALID_QUEUE_IDENTIFIER: 0x101,
  INVALID_QUEUE_SIZE: 0x102,
  ASYNC_EVENT_LIMIT: 0x105,
  INVALID_INTERRUPT_VECTOR: 0x108,
  INVALID_LOG_PAGE: 0x109,
  INVALID_QUEUE_DELETION: 0x10c,
  FEATURE_NOT_SAVEABLE: 0x10d,
  FEATURE_NOT_NAMESPACE_SPECIFIC: 0x10f,
  WRITE_FAULT: 0x280,
  UNRECOVERED_READ_ERROR: 0x281,
  COMPARE_FAILURE: 0x285,
} as const;

export type Status = (typeof Status)[keyof typeof Status];

/** In the 15-bit status field: the error log has more; the same command would fail again. */
const MORE = 1 << 13;
const DO_NOT_RETRY = 1 << 14;

/** Statuses of commands that may well succeed when they are sent again. */
const RETRIED: readonly Status[] = [Status.INTERNAL_ERROR, Status.ABORT_REQUESTED, Status.ABORTED_SQ_DELETION];

/** Why a command was not done. */
export class Refusal {
  constructor(readonly status: Status) {}
}

/** The 15 bits above the phase tag. */
export function statusField(status: Status): number {
  if (status === Status.SUCCESS) return 0;
  return status | MORE | (RETRIED.includes(status) ? 0 : DO_NOT_RETRY);
}
