// npm's esptool-js flashes the emulated chip over TCP, with the ROM's loader and with the stub that it brings, and burns
// eFuses by their registers as espefuse does.
//
// usage: node esptool_js_test.mjs ESPALIER HTTP_SERVER_BIN PACKAGES
//
// HTTP_SERVER_BIN is what lies in the demo's flash from 0x1000 on; PACKAGES is where packages.sh has put node_modules.
// Exits with 77 where there is none.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, afterEach, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { Emulator, freePort } from './emulator.mjs';
import { TcpSerialPort } from './tcp_serial_port.mjs';

const [ESPALIER, PROGRAM, PACKAGES] = process.argv.slice(2);
const library = path.join(PACKAGES, 'node_modules/esptool-js/lib/index.js');
if (!existsSync(library)) {
  console.log('skipped: esptool-js is not there (tests/npm-packages fetches it)');
  process.exit(77);
}
const { ESPLoader, Transport } = await import(pathToFileURL(library));

const MIB = 1 << 20;
const READY = 'listening on port 80'; // the demo's console
const KEEP = { flashSize: 'keep', flashMode: 'keep', flashFreq: 'keep', eraseAll: false };
const UART_CLKDIV_REG = 0x3ff40014;
const program = new Uint8Array(readFileSync(PROGRAM));
const noise = new Uint8Array(randomBytes(MIB));
const md5 = (bytes) => createHash('md5').update(bytes).digest('hex');

async function timed(what, action) {
  const began = performance.now();
  const result = await action();
  console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(2)} s`);
  return result;
}

let folder, flash, emulator, transport;
const folders = [];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'flashing-'));
  folders.push(folder);
  flash = path.join(folder, 'flash.bin');
  writeFileSync(flash, Buffer.alloc(4 * MIB, 0xff));
});
afterEach(async () => {
  await transport?.disconnect().catch(() => {});
  await emulator?.kill();
  emulator = transport = undefined;
});
after(() => folders.forEach((name) => rmSync(name, { recursive: true, force: true })));

const drive = () => ['-drive', `file=${flash},if=mtd,format=raw`];
const qemu = (...more) => new Emulator(ESPALIER, 'qemu', '-nographic', '-machine', 'esp32', ...more);

// QEMU's command line as its users give it, in download mode.
async function startQemu(...more) {
  const port = await freePort();
  const strap = ['-global', 'driver=esp32.gpio,property=strap_mode,value=0x0f'];
  emulator = qemu(...strap, ...drive(), '-serial', `tcp::${port},server,nowait`, ...more);
  await emulator.listens(port);
  return port;
}

function loader(port, baudrate = 115200) {
  const log = [];
  transport = new Transport(new TcpSerialPort(port));
  transport.trace = (message) => log.push(message);
  const terminal = { clean() {}, write: (text) => log.push(text), writeLine: (text) => log.push(text) };
  const tool = new ESPLoader({ transport, baudrate, romBaudrate: 115200, terminal });
  tool.log = log;
  tool.DEFAULT_TIMEOUT = 60_000; // ms; a busy host is slow
  return tool;
}

async function identify(tool) {
  assert.equal(await tool.chip.getChipDescription(tool), 'ESP32-D0WDQ6-V3 (revision 3)');
  assert.equal(await tool.chip.readMac(tool), '02:e5:70:a1:1e:40');
  const features = (await tool.chip.getChipFeatures(tool)).join();
  for (const feature of ['Wi-Fi', 'BT', 'Dual Core', '240MHz', 'Coding Scheme None']) {
    assert.ok(features.includes(feature), features);
  }
  assert.equal(await tool.readFlashId(), 0x1640c8);
  assert.equal(await tool.detectFlashSize(), '4MB');
  // The ROM has recognised the chip at once, as on a board: a second attempt would say so.
  assert.ok(!tool.log.some((line) => line.includes('trying again')), tool.log.join('\n'));
}

// The rate that UART0's divider stands for, with the crystal's or the PLL's clock.
async function lineRates(tool) {
  const register = await tool.readReg(UART_CLKDIV_REG);
  const divider = (register & 0xfffff) + ((register >> 20) & 15) / 16;
  return [40e6, 80e6].map((clock) => clock / divider);
}
const near = (rates, wanted) => assert.ok(rates.some((rate) => Math.abs(rate / wanted - 1) < 0.03), `${rates}`);

const write = (tool, address, data, compress, calculateMD5Hash) =>
  tool.writeFlash({ ...KEEP, fileArray: [{ data, address }], compress, calculateMD5Hash });

async function boots() {
  emulator = qemu(...drive(), '-nic', 'user,model=open_eth');
  await emulator.shows(READY);
  await emulator.kill();
}

describe('with the flasher stub', () => {
  test('writes, reads back, erases; what was written boots', async () => {
    const tool = loader(await startQemu(), 921600);
    assert.equal(await timed('stub: connect', () => tool.main('no_reset')), 'ESP32-D0WDQ6-V3 (revision 3)');
    assert.ok(tool.IS_STUB);
    await identify(tool);
    near(await lineRates(tool), 921600);

    // The tool itself compares digests, by the stub's MD5 of the flash.
    await write(tool, 0x1000, program, true, md5);
    await timed('stub: write 1 MiB', () => write(tool, 0x100000, noise, false, md5));
    await timed('stub: write 1 MiB compressed', () => write(tool, 0x200000, noise, true, md5));
    const read = await timed('stub: read 1 MiB', () => tool.readFlash(0x100000, MIB));
    assert.equal(Buffer.compare(read, noise), 0);
    assert.equal(Buffer.compare(await tool.readFlash(0x1000, program.length), program), 0);

    const region = new Uint8Array(new Uint32Array([0x200000, 0x10000]).buffer);
    await tool.checkCommand('erase region', 0xd1, region);
    const erased = await tool.readFlash(0x200000, 0x11000);
    assert.ok(erased.subarray(0, 0x10000).every((byte) => byte === 0xff));
    assert.equal(Buffer.compare(erased.subarray(0x10000), noise.subarray(0x10000, 0x11000)), 0);

    await emulator.stop();
    const file = readFileSync(flash);
    assert.equal(Buffer.compare(file.subarray(0x100000, 0x200000), noise), 0);
    assert.equal(Buffer.compare(file.subarray(0x1000, 0x1000 + program.length), program), 0);
    assert.ok(file.subarray(0x200000, 0x210000).every((byte) => byte === 0xff));
    await boots();
  });

  test('erases the whole chip', async () => {
    writeFileSync(flash, Buffer.alloc(4 * MIB, 0));
    const tool = loader(await startQemu());
    await tool.main('no_reset');
    await timed('stub: erase 4 MiB', () => tool.eraseFlash());
    await emulator.stop();
    assert.ok(readFileSync(flash).every((byte) => byte === 0xff));
  });
});

describe("with the ROM's loader", () => {
  // The tool's block for its stub is more than the ROM takes.
  const ROM_BLOCK = 0x400;
  const digest = async (tool, address, size) => Buffer.from(await tool.flashMd5sum(address, size), 'hex').toString();
  async function connect(port, baudrate) {
    const tool = loader(port, baudrate);
    await timed('ROM: connect', () => tool.detectChip('no_reset'));
    await tool.flashSpiAttach(0);
    // As esptool does: until it is told the ROM takes the flash for one of 2 MiB.
    const parameters = new Uint32Array([0, 4 * MIB, 0x10000, 0x1000, 256, 0xffff]);
    await tool.checkCommand('set flash parameters', 0x0b, new Uint8Array(parameters.buffer));
    tool.FLASH_WRITE_SIZE = ROM_BLOCK;
    return tool;
  }
  // As esptool does: esptool-js has a fifth word in FLASH_BEGIN, which later chips take and the ESP32 refuses.
  async function writePlainly(tool, address, data) {
    const words = new Uint32Array([data.length, data.length / ROM_BLOCK, ROM_BLOCK, address]);
    await tool.checkCommand('begin', tool.ESP_FLASH_BEGIN, new Uint8Array(words.buffer));
    for (let i = 0; i * ROM_BLOCK < data.length; ++i) {
      await tool.flashBlock(data.subarray(i * ROM_BLOCK, (i + 1) * ROM_BLOCK), i, 10_000);
    }
  }

  test('`run --strap download` is flashed; what was written boots', async () => {
    const port = await freePort();
    const options = ['--strap', 'download', '--persist', '--serial', `tcp:127.0.0.1:${port}`];
    emulator = new Emulator(ESPALIER, 'run', flash, ...options);
    await emulator.listens(port);
    const tool = await connect(port, 460800);
    await identify(tool);
    near(await lineRates(tool), 115200);
    await tool.changeBaud();
    near(await lineRates(tool), 460800);

    await timed('ROM: write 1 MiB compressed', () => write(tool, 0x100000, noise, true));
    assert.equal(await digest(tool, 0x100000, MIB), md5(noise));
    await timed('ROM: write 1 MiB', () => writePlainly(tool, 0x200000, noise));
    assert.equal(await digest(tool, 0x200000, MIB), md5(noise));
    await write(tool, 0x1000, program, true);
    assert.equal(await digest(tool, 0x1000, program.length), md5(program));

    assert.equal(await emulator.stop(), 128 + 15);
    assert.equal(Buffer.compare(readFileSync(flash).subarray(0x200000, 0x300000), noise), 0);
    emulator = new Emulator(ESPALIER, 'run', flash, '--until', READY, '--timeout', '60');
    assert.equal(await emulator.ended(), 0, emulator.output);
  });

  test('resets the chip when told to, and can be connected to again', async () => {
    const tool = await connect(await startQemu());
    await write(tool, 0x1000, program, true);
    transport.flushInput();
    await tool.flashDeflBegin(0, 0, 0);
    await tool.flashDeflFinish(true);
    const shows = async (text) => {
      for (const deadline = Date.now() + 60_000; !Buffer.from(transport.peek()).includes(text); ) {
        assert.ok(Date.now() < deadline, Buffer.from(transport.peek()).toString());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    await shows('rst:0x3 (SW_RESET),boot:0xf (UART_BOOT(UART0))');
    await tool.sync().catch(() => {}); // serves to find the baud rate
    transport.flushInput();
    await tool.sync();
    // As esptool's `run`: this boot mode loads what is in flash then, without the cache that our program goes on with.
    await tool.checkCommand('begin', tool.ESP_FLASH_BEGIN, new Uint8Array(16));
    await tool.flashFinish(false);
    await shows('entry 0x');
  });
});

describe('eFuses', () => {
  const EFUSE = 0x3ff5a000;
  const [BLK0_W, BLK1_R, BLK3_R, BLK1_W, BLK3_W, CONF, CMD] = [0x1c, 0x38, 0x78, 0x98, 0xd8, 0xfc, 0x104];
  const [RDATA0, RD_DIS_BLK1, WR_DIS_BLK3] = [0, 1 << 16, 1 << 9];
  let efuse;
  const start = () =>
    startQemu('-drive', `file=${efuse},if=none,format=raw,id=efuse`, '-global',
              'driver=nvram.esp32.efuse,property=drive,value=efuse');
  async function command(tool, code, bit) {
    await tool.writeReg(EFUSE + CONF, code);
    await tool.writeReg(EFUSE + CMD, bit);
    while ((await tool.readReg(EFUSE + CMD)) !== 0);
  }
  async function burn(tool, values) {
    for (const [offset, value] of values) await tool.writeReg(EFUSE + offset, value);
    await command(tool, 0x5a5a, 2);
    await command(tool, 0x5aa5, 1);
  }
  const fuse = async (tool, offset) => (await tool.readReg(EFUSE + offset)) >>> 0;
  const words = () => {
    const file = readFileSync(efuse);
    assert.equal(file.length, 124);
    return Array.from({ length: 31 }, (_, i) => file.readUInt32LE(i * 4));
  };

  // 124 bytes as `idf.py qemu` and pytest-embedded make them, and the custom MAC address that the latter's tests burn.
  test('are burnt for good, in the file', async () => {
    efuse = path.join(folder, 'efuse.bin');
    const expected = Array(31).fill(0);
    expected[3] = 0x8000;
    expected[5] = 0x100000;
    writeFileSync(efuse, Buffer.from(new Uint32Array(expected).buffer));
    let tool = loader(await start());
    await tool.detectChip('no_reset');
    assert.equal(await tool.chip.getChipDescription(tool), 'ESP32-D0WDQ6-V3 (revision 3)');

    await burn(tool, [[BLK3_W, 0x221100b8], [BLK3_W + 4, 0x554433], [BLK3_W + 20, 1 << 24]]);
    Object.assign(expected, { 23: 0x221100b8, 24: 0x554433, 28: 1 << 24 });
    assert.deepEqual(words(), expected);
    assert.equal(await fuse(tool, BLK3_R), 0x221100b8);

    // Ones stay; what is protected stays, or is not seen.
    await burn(tool, [[BLK3_W, 1], [BLK3_W + 4, 0]]);
    expected[23] |= 1;
    await burn(tool, [[BLK1_W, 0x12345678]]);
    assert.equal(await fuse(tool, BLK1_R), 0x12345678);
    await burn(tool, [[BLK0_W, WR_DIS_BLK3 | RD_DIS_BLK1]]);
    await burn(tool, [[BLK3_W + 8, 0xff], [BLK1_W + 4, 2]]);
    Object.assign(expected, { 0: WR_DIS_BLK3 | RD_DIS_BLK1, 7: 0x12345678, 8: 2 });
    assert.deepEqual(words(), expected);
    assert.equal(await fuse(tool, BLK1_R), 0);

    // So they are in the next machine.
    await transport.disconnect();
    await emulator.stop();
    tool = loader(await start());
    await tool.detectChip('no_reset');
    assert.equal(await fuse(tool, RDATA0), WR_DIS_BLK3 | RD_DIS_BLK1);
    assert.equal(await fuse(tool, BLK1_R), 0);
    assert.equal(await fuse(tool, BLK3_R), 0x221100b9);
    await burn(tool, [[BLK3_W + 8, 0xff]]);
    assert.deepEqual(words(), expected);
  });
});
