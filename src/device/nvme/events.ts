// Asynchronous events (NVM Express 1.4, 5.2): the guest leaves requests with the controller, which answers one
// when something happens. After an event no other of its type is reported until the guest has read the log page
// that the event names.
//
//   result: 23:16 log page | 15:8 information | 2:0 type (0 error, 1 health)

import { LogPage } from "./log.js";

export const EventType = { ERROR: 0, HEALTH: 1 } as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

export const ErrorEvent = { INVALID_DOORBELL_REGISTER: 0, INVALID_DOORBELL_VALUE: 1 } as const;
export const HealthEvent = { TEMPERATURE: 1 } as const;

/** Requests that may wait at the same time. */
export const EVENT_REQUESTS = 4;

const PAGE_OF: Record<EventType, number> = { [EventType.ERROR]: LogPage.ERROR, [EventType.HEALTH]: LogPage.HEALTH };

interface EventsState {
  requests: number[];
  pending: { type: EventType; information: number }[];
  masked: EventType[];
}

export class AsyncEvents {
  #requests: number[] = [];
  #pending: EventsState["pending"] = [];
  readonly #masked = new Set<EventType>();

  reset(): void {
    this.#requests = [];
    this.#pending = [];
    this.#masked.clear();
  }

  /** Keeps a request; false when too many wait already. */
  hold(id: number): boolean {
    if (this.#requests.length >= EVENT_REQUESTS) return false;
    this.#requests.push(id);
    return true;
  }

  /** Takes a waiting request back. */
  withdraw(id: number): boolean {
    const at = this.#requests.indexOf(id);
    if (at < 0) return false;
    this.#requests.splice(at, 1);
    return true;
  }

  raise(type: EventType, information: number): void {
    if (this.#masked.has(type) || this.#pending.some((event) => event.type === type)) return;
    this.#pending.push({ type, information });
  }

  /** Answers waiting requests while `post` takes them. */
  deliver(post: (id: number, result: number) => boolean): void {
    while (this.#requests.length > 0 && this.#pending.length > 0) {
      const { type, information } = this.#pending[0];
      if (!post(this.#requests[0], (PAGE_OF[type] << 16) | (information << 8) | type)) return;
      this.#requests.shift();
      this.#pending.shift();
      this.#masked.add(type);
    }
  }

  /** The guest has read a log page. */
  clear(page: number): void {
    for (const type of Object.values(EventType)) {
      if (PAGE_OF[type] === page) this.#masked.delete(type);
    }
  }

  save(): EventsState {
    return { requests: [...this.#requests], pending: [...this.#pending], masked: [...this.#masked] };
  }

  restore(state: EventsState): void {
    this.#requests = [...state.requests];
    this.#pending = [...state.pending];
    this.#masked.clear();
    for (const type of state.masked) this.#masked.add(type);
  }
}
