// Admin commands (NVM Express 1.4, 5): queues, identification, features, logs, aborts. They are done in one step,
// and what they need of the controller is the interface below.

import type { PciHost, PciIdentity } from "../pci/function.js";
import { AdminOpcode, ALL_NAMESPACES, address, COMMAND_SIZE, type Command } from "./command.js";
import type { AsyncEvents } from "./events.js";
import type { Features } from "./features.js";
import {
  type DiskIdentity,
  FIRMWARE_REVISION,
  identifyActive,
  identifyController,
  identifyDescriptors,
  identifyNamespace,
} from "./identify.js";
import { LogPage, type Logs } from "./log.js";
import type { Namespace } from "./namespace.js";
import { checkSegments, scatter, walkPrp } from "./prp.js";
import { COMPLETION_SIZE, CompletionQueue, SubmissionQueue } from "./queue.js";
import {
  COMPLETION_ENTRY_LOG2,
  IO_QUEUES,
  QUEUE_ENTRIES_MAX,
  SUBMISSION_ENTRY_LOG2,
  TRANSFER_MAX,
} from "./registers.js";
import { Refusal, Status } from "./status.js";

const CONTIGUOUS = 1 << 0;
const INTERRUPTS_ENABLED = 1 << 1;
const RETAIN_EVENT = 1 << 15;

/** What Identify describes: CNS. */
const Identify = { NAMESPACE: 0, CONTROLLER: 1, ACTIVE: 2, DESCRIPTORS: 3 } as const;

/** The controller, seen from its admin commands. */
export interface AdminContext {
  readonly host: PciHost;
  readonly pageSize: number;
  /** CC.IOSQES and CC.IOCQES. */
  readonly entrySizes: { submission: number; completion: number };
  readonly vectors: number;
  readonly pci: PciIdentity;
  readonly names: DiskIdentity;
  readonly namespace: Namespace;
  readonly logs: Logs;
  readonly features: Features;
  readonly events: AsyncEvents;
  readonly submission: (SubmissionQueue | undefined)[];
  readonly completion: (CompletionQueue | undefined)[];
  /** Ends all commands of a queue that are under way. */
  drop(queue: SubmissionQueue): void;
  /** Ends one command; false when it is not under way. */
  abort(queue: number, command: number): boolean;
}

/** Does an admin command and returns the value for its completion. */
export function executeAdmin(controller: AdminContext, command: Command): number {
  command.checkFlags();
  switch (command.opcode) {
    case AdminOpcode.IDENTIFY:
      return identify(controller, command);
    case AdminOpcode.CREATE_CQ:
      return createCompletionQueue(controller, command);
    case AdminOpcode.CREATE_SQ:
      return createSubmissionQueue(controller, command);
    case AdminOpcode.DELETE_CQ:
      return deleteCompletionQueue(controller, command);
    case AdminOpcode.DELETE_SQ:
      return deleteSubmissionQueue(controller, command);
    case AdminOpcode.GET_LOG_PAGE:
      return getLogPage(controller, command);
    case AdminOpcode.GET_FEATURES:
      return controller.features.get(command);
    case AdminOpcode.SET_FEATURES:
      return controller.features.set(
        command,
        controller.completion.some((queue) => queue !== undefined && queue.id !== 0),
      );
    case AdminOpcode.ABORT:
      return controller.abort(command.words[10] & 0xffff, command.words[10] >>> 16) ? 0 : 1;
    default:
      throw new Refusal(Status.INVALID_OPCODE);
  }
}

function answer({ host, pageSize }: AdminContext, command: Command, bytes: Uint8Array): number {
  const segments = walkPrp(host, pageSize, command.prp1, command.prp2, bytes.length);
  checkSegments(host, segments, true);
  scatter(host, segments, bytes);
  return 0;
}

function identify(controller: AdminContext, command: Command): number {
  const { namespace } = command;
  switch (command.words[10] & 0xff) {
    case Identify.NAMESPACE:
      if (namespace !== 1) throw new Refusal(Status.INVALID_NAMESPACE);
      return answer(controller, command, identifyNamespace(controller.namespace.disk));
    case Identify.CONTROLLER:
      return answer(controller, command, identifyController(controller.pci, controller.names));
    case Identify.ACTIVE:
      if (namespace >= ALL_NAMESPACES - 1) throw new Refusal(Status.INVALID_NAMESPACE);
      return answer(controller, command, identifyActive(namespace));
    case Identify.DESCRIPTORS:
      if (namespace !== 1) throw new Refusal(Status.INVALID_NAMESPACE);
      return answer(controller, command, identifyDescriptors(controller.names));
    default:
      throw new Refusal(Status.INVALID_FIELD);
  }
}

/** Checks what both kinds of queue have in common; returns identifier and size. */
function newQueue(
  { host, pageSize }: AdminContext,
  command: Command,
  taken: readonly unknown[],
  entry: number,
): { id: number; size: number } {
  const { words, prp1 } = command;
  const id = words[10] & 0xffff;
  const size = (words[10] >>> 16) + 1;
  if (id === 0 || id > IO_QUEUES || taken[id] !== undefined) throw new Refusal(Status.INVALID_QUEUE_IDENTIFIER);
  if (size < 2 || size > QUEUE_ENTRIES_MAX) throw new Refusal(Status.INVALID_QUEUE_SIZE);
  if ((words[11] & CONTIGUOUS) === 0) throw new Refusal(Status.INVALID_FIELD);
  if (prp1 % pageSize !== 0) throw new Refusal(Status.PRP_OFFSET_INVALID);
  if (!host.isRam(prp1, size * entry, true)) throw new Refusal(Status.DATA_TRANSFER_ERROR);
  return { id, size };
}

function createCompletionQueue(controller: AdminContext, command: Command): number {
  const { words, prp1 } = command;
  const { id, size } = newQueue(controller, command, controller.completion, COMPLETION_SIZE);
  if (controller.entrySizes.completion !== COMPLETION_ENTRY_LOG2) throw new Refusal(Status.INVALID_FIELD);
  const vector = words[11] >>> 16;
  const vectors = controller.host.interruptMode === "msix" ? controller.vectors : 1;
  if (vector >= vectors) throw new Refusal(Status.INVALID_INTERRUPT_VECTOR);
  const interrupts = (words[11] & INTERRUPTS_ENABLED) !== 0;
  controller.completion[id] = new CompletionQueue(id, prp1, size, vector, interrupts);
  return 0;
}

function createSubmissionQueue(controller: AdminContext, command: Command): number {
  const { words, prp1 } = command;
  const target = words[11] >>> 16;
  const completion = target === 0 ? undefined : controller.completion[target];
  if (completion === undefined) throw new Refusal(Status.COMPLETION_QUEUE_INVALID);
  const { id, size } = newQueue(controller, command, controller.submission, COMMAND_SIZE);
  if (controller.entrySizes.submission !== SUBMISSION_ENTRY_LOG2) throw new Refusal(Status.INVALID_FIELD);
  controller.submission[id] = new SubmissionQueue(id, prp1, size, completion);
  return 0;
}

function deleteSubmissionQueue(controller: AdminContext, { words }: Command): number {
  const id = words[10] & 0xffff;
  const queue = id === 0 ? undefined : controller.submission[id];
  if (queue === undefined) throw new Refusal(Status.INVALID_QUEUE_IDENTIFIER);
  controller.submission[id] = undefined;
  controller.drop(queue);
  return 0;
}

function deleteCompletionQueue(controller: AdminContext, { words }: Command): number {
  const id = words[10] & 0xffff;
  const queue = id === 0 ? undefined : controller.completion[id];
  if (queue === undefined) throw new Refusal(Status.INVALID_QUEUE_IDENTIFIER);
  if (controller.submission.some((other) => other?.completion === queue)) {
    throw new Refusal(Status.INVALID_QUEUE_DELETION);
  }
  controller.completion[id] = undefined;
  return 0;
}

function getLogPage(controller: AdminContext, command: Command): number {
  const { words, namespace } = command;
  const page = words[10] & 0xff;
  const contents = logPage(controller, page, namespace);
  const length = ((words[10] >>> 16) + (words[11] & 0xffff) * 0x1_0000 + 1) * 4;
  const offset = address(words[12], words[13]);
  if (length > TRANSFER_MAX || offset % 4 !== 0 || offset > contents.length) throw new Refusal(Status.INVALID_FIELD);
  const bytes = new Uint8Array(length);
  bytes.set(contents.subarray(offset, offset + length));
  answer(controller, command, bytes);
  if ((words[10] & RETAIN_EVENT) === 0) controller.events.clear(page);
  return 0;
}

function logPage({ logs, features, host }: AdminContext, page: number, namespace: number): Uint8Array {
  switch (page) {
    case LogPage.ERROR:
      return logs.errors();
    case LogPage.HEALTH:
      if (namespace !== 0 && namespace !== ALL_NAMESPACES) throw new Refusal(Status.INVALID_FIELD);
      return logs.health(features.warnings, host.nanoseconds);
    case LogPage.FIRMWARE:
      return logs.firmware(FIRMWARE_REVISION);
    default:
      throw new Refusal(Status.INVALID_LOG_PAGE);
  }
}
