// The emulator as a child process of a test.
import { spawn } from 'node:child_process';
import net from 'node:net';

const PATIENCE = 120_000; // ms; a busy host is slow

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Emulator {
  output = ''; // both streams
  #ended;
  #process;

  constructor(program, ...args) {
    this.#process = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (this.output += text));
    }
    this.#ended = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) => resolve(code ?? signal));
    });
  }

  async shows(text) {
    const ended = this.#ended.then(() => true);
    for (const deadline = Date.now() + PATIENCE; !this.output.includes(text); ) {
      const over = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
      if ((over || Date.now() > deadline) && !this.output.includes(text)) {
        throw new Error(`'${text}' has not appeared:\n${this.output}`);
      }
    }
  }

  // Waits until a TCP port of it can be connected to, and leaves it alone again.
  async listens(port) {
    for (const deadline = Date.now() + PATIENCE; ; ) {
      const socket = net.connect(port, '127.0.0.1');
      const connected = await new Promise((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      socket.destroy();
      if (connected) return;
      if (this.#process.exitCode !== null || Date.now() > deadline) throw new Error(`nothing listens:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  // Its exit code, or the signal that ended it.
  ended() {
    return this.#ended;
  }
  async stop() {
    this.#process.kill('SIGTERM');
    return this.#ended;
  }
  async kill() {
    this.#process.kill('SIGKILL');
    return this.#ended;
  }
}
