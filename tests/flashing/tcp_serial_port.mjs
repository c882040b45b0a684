// A TCP connection that behaves as a port of the Web Serial API, which esptool-js's Transport expects.
import net from 'node:net';

export class TcpSerialPort {
  #host;
  #port;
  #socket = null;
  readable = null;
  writable = null;
  baudRate = 0;
  signals = { dataTerminalReady: false, requestToSend: false, break: false };

  constructor(port, host = '127.0.0.1') {
    this.#host = host;
    this.#port = port;
  }

  // No USB adapter.
  getInfo() {
    return {};
  }

  async open({ baudRate }) {
    if (this.#socket) throw new DOMException('The port is already open.', 'InvalidStateError');
    const socket = net.connect(this.#port, this.#host);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.setNoDelay(true);
    this.#socket = socket;
    this.baudRate = baudRate;
    this.readable = new ReadableStream(
      {
        start(controller) {
          socket.on('data', (bytes) => {
            controller.enqueue(new Uint8Array(bytes));
            if (controller.desiredSize <= 0) socket.pause();
          });
          socket.once('error', () => {});
          socket.once('close', () => {
            try {
              controller.close();
            } catch {
              // cancelled
            }
          });
        },
        pull() {
          socket.resume();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 1 << 16 }),
    );
    this.writable = new WritableStream({
      write(bytes) {
        return new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())));
      },
    });
  }

  // The wire has no rate and no other lines: they are only remembered.
  async setBaudRate(baudRate) {
    this.baudRate = baudRate;
  }
  async setSignals(signals) {
    Object.assign(this.signals, signals);
  }

  async close() {
    const socket = this.#socket;
    this.#socket = this.readable = this.writable = null;
    if (!socket || socket.destroyed) return;
    await new Promise((resolve) => {
      socket.once('close', resolve);
      socket.destroy();
    });
  }
}
