// A PS/2 mouse without wheel at the 8042's auxiliary port (IBM PS/2 Hardware Interface Technical
// Reference, "Auxiliary device"): stream and remote mode, wrap mode, and the three-byte packet
//
//   YO XO YS XS 1 M R L | dx | dy         overflow, sign, buttons; dy counts upwards
//
// Movement that the guest has no time for adds up.

const ACK = 0xfa;
const RESEND = 0xfe;
const BAT_OK = 0xaa;
const IDENTITY = 0x00;
const BUFFER = 16;
const PACKET = 3;
const ALWAYS = 0x08;
/** Largest movement of one packet, and the most that adds up. */
const STEP_MAX = 255;
const MOVEMENT_MAX = 0x7fff;

const Command = {
  SCALING_1: 0xe6,
  SCALING_2: 0xe7,
  RESOLUTION: 0xe8,
  STATUS: 0xe9,
  STREAM: 0xea,
  READ: 0xeb,
  END_WRAP: 0xec,
  WRAP: 0xee,
  REMOTE: 0xf0,
  IDENTIFY: 0xf2,
  RATE: 0xf3,
  ENABLE: 0xf4,
  DISABLE: 0xf5,
  DEFAULTS: 0xf6,
  RESEND: 0xfe,
  RESET: 0xff,
} as const;

interface MouseState {
  buffer: number[];
  dx: number;
  dy: number;
  buttons: number;
  changed: boolean;
  reporting: boolean;
  remote: boolean;
  wrap: boolean;
  scaling: boolean;
  resolution: number;
  rate: number;
  parameterOf: number;
  last: number;
}

const power = (): MouseState => ({
  buffer: [],
  dx: 0,
  dy: 0,
  buttons: 0,
  changed: false,
  reporting: false,
  remote: false,
  wrap: false,
  scaling: false,
  resolution: 2,
  rate: 100,
  parameterOf: 0,
  last: 0,
});

const clamp = (value: number, limit: number): number => Math.max(-limit, Math.min(limit, Math.trunc(value)));

export class Mouse {
  #state = power();
  readonly #notify: () => void;

  constructor(notify: () => void) {
    this.#notify = notify;
  }

  /** Moves by counts to the right and down. */
  move(right: number, down: number): void {
    this.#state.dx = clamp(this.#state.dx + right, MOVEMENT_MAX);
    this.#state.dy = clamp(this.#state.dy - down, MOVEMENT_MAX);
    this.#state.changed = true;
    this.#stream();
    this.#notify();
  }

  /** Which buttons are down: bit 0 left, 1 right, 2 middle. */
  setButtons(buttons: number): void {
    this.#state.buttons = buttons & 7;
    this.#state.changed = true;
    this.#stream();
    this.#notify();
  }

  get hasByte(): boolean {
    return this.#state.buffer.length > 0;
  }

  take(): number {
    const byte = this.#state.buffer.shift() ?? 0;
    this.#state.last = byte;
    this.#stream();
    return byte;
  }

  receive(byte: number): void {
    const state = this.#state;
    const command = state.parameterOf;
    state.parameterOf = 0;
    state.buffer = [];
    if (state.wrap && byte !== Command.END_WRAP && byte !== Command.RESET) this.#reply(byte);
    else if (command === Command.RATE) {
      state.rate = byte;
      this.#reply(ACK);
    } else if (command === Command.RESOLUTION) {
      state.resolution = byte & 3;
      this.#reply(ACK);
    } else this.#command(byte);
    this.#notify();
  }

  #reply(...bytes: number[]): void {
    this.#state.buffer.push(...bytes);
  }

  #command(command: number): void {
    const state = this.#state;
    switch (command) {
      case Command.SCALING_1:
      case Command.SCALING_2:
        state.scaling = command === Command.SCALING_2;
        break;
      case Command.RESOLUTION:
      case Command.RATE:
        state.parameterOf = command;
        break;
      case Command.STATUS:
        this.#reply(ACK, this.#status, state.resolution, state.rate);
        return;
      case Command.STREAM:
      case Command.REMOTE:
        state.remote = command === Command.REMOTE;
        this.#forget();
        break;
      case Command.READ:
        this.#reply(ACK, ...this.#packet());
        return;
      case Command.WRAP:
      case Command.END_WRAP:
        state.wrap = command === Command.WRAP;
        this.#forget();
        break;
      case Command.IDENTIFY:
        this.#reply(ACK, IDENTITY);
        return;
      case Command.ENABLE:
      case Command.DISABLE:
        state.reporting = command === Command.ENABLE;
        this.#forget();
        break;
      case Command.RESEND:
        this.#reply(state.last);
        return;
      case Command.DEFAULTS:
      case Command.RESET: {
        const { buttons } = state;
        this.#state = { ...power(), buttons };
        this.#reply(ACK);
        if (command === Command.RESET) this.#reply(BAT_OK, IDENTITY);
        return;
      }
      default:
        this.#reply(RESEND);
        return;
    }
    this.#reply(ACK);
  }

  get #status(): number {
    const { remote, reporting, scaling, buttons } = this.#state;
    const pressed = ((buttons & 1) << 2) | ((buttons & 4) >> 1) | ((buttons & 2) >> 1);
    return (remote ? 0x40 : 0) | (reporting ? 0x20 : 0) | (scaling ? 0x10 : 0) | pressed;
  }

  /** Commands that change the mode clear the movement counters. */
  #forget(): void {
    this.#state.dx = 0;
    this.#state.dy = 0;
    this.#state.changed = false;
  }

  /** One packet of what has moved; what does not fit stays. */
  #packet(): number[] {
    const state = this.#state;
    const dx = clamp(state.dx, STEP_MAX);
    const dy = clamp(state.dy, STEP_MAX);
    state.dx -= dx;
    state.dy -= dy;
    state.changed = state.dx !== 0 || state.dy !== 0;
    const signs = (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
    return [ALWAYS | state.buttons | signs, dx & 0xff, dy & 0xff];
  }

  #stream(): void {
    const state = this.#state;
    if (!state.reporting || state.remote || state.wrap) return;
    while (state.changed && state.buffer.length + PACKET <= BUFFER) state.buffer.push(...this.#packet());
  }

  reset(): void {
    this.#state = power();
  }

  save(): MouseState {
    return { ...this.#state, buffer: [...this.#state.buffer] };
  }

  restore(saved: unknown): void {
    const { buffer, ...rest } = saved as MouseState;
    this.#state = { ...power(), ...rest, buffer: buffer.slice(0, BUFFER) };
  }
}
