/**
 * The system calls that a load generator needs, called directly: through the runtime's own sockets one request costs
 * more than the servers under measurement take to answer it, and a generator that is slower than the server measures itself.
 *
 * Linux with glibc, as all of what is measured here.
 *
 * @module
 */

/** What `epoll` is asked for and tells. */
export const EPOLLIN = 0x001;
/** There is room to write. */
export const EPOLLOUT = 0x004;

const AF_INET = 2;
const SOCK_STREAM = 1;
const F_SETFL = 4;
const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const CLOCK_MONOTONIC = 1;

/** `struct epoll_event` is packed on x86-64 alone. */
const EVENT_SIZE = Deno.build.arch === "x86_64" ? 12 : 16;
const EVENT_DATA = EVENT_SIZE - 8;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
}).symbols;

/**
 * Connects to a server, and makes the socket one that never waits.
 *
 * @param hostname An IPv4 address.
 * @param port Its port.
 * @returns The descriptor of the socket.
 * @throws {Error} If there is none left, or nobody listens there.
 */
export function connect(hostname: string, port: number): number {
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) throw new Error("Cannot create socket: none is left, see `ulimit -n`");
  const address = new Uint8Array(16);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  hostname.split(".").forEach((part, i) => view.setUint8(4 + i, Number(part)));
  if (libc.connect(fd, address, address.length) !== 0) {
    libc.close(fd);
    throw new Error(`Cannot connect to ${hostname}:${port}`);
  }
  const yes = Uint8Array.of(1, 0, 0, 0);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, yes, yes.length);
  libc.fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
  return fd;
}

/**
 * Writes to a socket what it takes at once.
 *
 * @param fd The socket.
 * @param bytes What to write.
 * @returns How many bytes it took; -1 where none: it is full, or broken, which reading tells.
 */
export function send(fd: number, bytes: Uint8Array<ArrayBuffer>): number {
  return Number(libc.send(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL));
}

/**
 * Reads from a socket what is there. `errno` is not looked at, because the runtime may have changed it in between: it is for the
 * caller to read only where `epoll` said so.
 *
 * @param fd The socket.
 * @param into Where to put it.
 * @returns How many bytes there were; 0 at the end; -1 where it is broken.
 */
export function receive(fd: number, into: Uint8Array<ArrayBuffer>): number {
  return Number(libc.recv(fd, into, BigInt(into.length), 0));
}

/** @param fd The descriptor to close. */
export function close(fd: number): void {
  libc.close(fd);
}

/** Waits for sockets, and for moments. */
export class Poll implements Disposable {
  readonly #epoll = libc.epoll_create1(0);
  readonly #timer = libc.timerfd_create(CLOCK_MONOTONIC, O_NONBLOCK);
  readonly #events = new Uint8Array(512 * EVENT_SIZE);
  readonly #eventsView = new DataView(this.#events.buffer);
  readonly #event = new Uint8Array(EVENT_SIZE);
  readonly #eventView = new DataView(this.#event.buffer);
  readonly #time = new Uint8Array(32);
  readonly #timeView = new DataView(this.#time.buffer);
  readonly #ticks = new Uint8Array(8);

  constructor() {
    this.#control(EPOLL_CTL_ADD, this.#timer, EPOLLIN);
  }

  /**
   * @param fd A socket to wait for from now on.
   * @param events What to wait for.
   */
  add(fd: number, events: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events);
  }

  /**
   * @param fd A socket that is waited for.
   * @param events What to wait for in place of what was.
   */
  change(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** @param fd A socket not to wait for any more. */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  /**
   * Waits until a socket is ready.
   *
   * @param milliseconds How long at most, to a few microseconds; about a tenth of a second where it does not matter.
   * @param ready Is told of each socket that is, and what it is ready for; an error counts as readable.
   */
  wait(milliseconds: number | undefined, ready: (fd: number, events: number) => void): void {
    let timeout = 100;
    if (milliseconds !== undefined && milliseconds <= 0) timeout = 0;
    else if (milliseconds !== undefined) {
      const nanoseconds = Math.max(1000, Math.round(milliseconds * 1e6));
      this.#timeView.setBigInt64(16, BigInt(Math.floor(nanoseconds / 1e9)), true);
      this.#timeView.setBigInt64(24, BigInt(nanoseconds % 1e9), true);
      libc.timerfd_settime(this.#timer, 0, this.#time, null);
      timeout = Math.ceil(milliseconds) + 1; // the timer is there before
    }
    const count = libc.epoll_wait(this.#epoll, this.#events, 512, timeout);
    for (let i = 0; i < count; i++) {
      const events = this.#eventsView.getUint32(i * EVENT_SIZE, true);
      const fd = this.#eventsView.getInt32(i * EVENT_SIZE + EVENT_DATA, true);
      if (fd === this.#timer) libc.read(fd, this.#ticks, 8n);
      else ready(fd, (events & EPOLLOUT) | (events & ~EPOLLOUT ? EPOLLIN : 0));
    }
  }

  [Symbol.dispose](): void {
    libc.close(this.#timer);
    libc.close(this.#epoll);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#eventView.setUint32(0, events, true);
    this.#eventView.setInt32(EVENT_DATA, fd, true);
    if (libc.epoll_ctl(this.#epoll, operation, fd, this.#event) !== 0) {
      throw new Error(`Cannot wait for descriptor ${fd}`);
    }
  }
}
