/* Download mode: a flashing tool on UART0 or UART1 loads memory and flash by packets in SLIP frames. The protocol:
   esptool's documentation, "Serial Protocol", as far as it concerns the ESP32's ROM loader. The functions that act on a
   packet take it, where to put an error code, and what is kept of the transfer; they return 0 or, with an error, 1. */
#include "rom.h"

#define IO_MUX_SD_DATA3_REG 0x3ff49058 /* GPIO10, function 4: U1TXD */
#define MCU_SEL (7u << 12)
#define UART_INT_ENA(uart) REG(0x3ff4000c + ((uint32_t)(uart) << 16))
#define UART_INT_CLR(uart) REG(0x3ff40010 + ((uint32_t)(uart) << 16))
#define UART_STATUS(uart) REG(0x3ff4001c + ((uint32_t)(uart) << 16))
#define UART_RXFIFO_FULL_INT BIT(0)
#define UART_RXFIFO_CNT 0xff
#define UART_CPU_INTERRUPT 5

enum {
  kFlashBegin = 2, kFlashData, kFlashEnd, kMemBegin, kMemEnd, kMemData, kSync, kWriteReg, kReadReg,
  kSpiSetParams = 0xb, kSpiAttach = 0xd, kReadFlash, kChangeBaudrate, kDeflBegin, kDeflData, kDeflEnd, kFlashMd5
};
/* Error codes of answers. An error in inflating is kInflate minus tinfl's status. */
enum { kNone = 0, kInvalid = 5, kFailed = 6, kBadChecksum = 7, kWriteError = 8, kReadError = 9, kTooLong = 10 };
enum { kInflate = 10, kRestart = 199 /* no error: reset the chip once it is answered */ };
enum { kMaxPacket = 0x1800, kDataHeader = 16, kChecksumSeed = 0xef, kRoom = 0x2000, kDictionary = 0x8000 };
/* miniz.h: flags of tinfl_decompress() and what it returns. */
enum { kInflateZlibHeader = 1, kInflateHasMore = 2, kInflateDone = 0, kInflateNeedsInput, kInflateHasOutput };

typedef struct {
  uint8_t direction, operation; /* direction: 0 to the chip, 1 from it */
  uint16_t size;                /* of the data */
  uint32_t value;               /* a checksum in requests, a result in answers */
  uint32_t data[];
} Packet;
/* The data of a packet with a block in it. */
enum { kBlockSize = 0, kBlockNumber = 1, kBlockData = 4 };

typedef struct {
  uint32_t size, packets, packet_size;
  uint32_t next_packet, received;
  uint32_t address;
  uint32_t leave; /* kLeave: the download is over, run the code */
} Transfer;
/* Of compressed data. */
typedef struct {
  Transfer transfer;
  uint8_t *out; /* in the dictionary */
  uint8_t dictionary[kDictionary];
  uint32_t inflater[0x2b00 / 4]; /* miniz's tinfl_decompressor: 0x2af0 bytes */
} Compressed;
enum { kLeave = 2 };

/* Nothing else is in memory yet. */
#define REQUEST ((Packet *)0x3ffc0000)
#define COMPRESSED ((Compressed *)0x3ffc4000)
extern uint8_t gTxMsg[];

int SPIEraseArea(uint32_t address, uint32_t size);
int SPIWrite(uint32_t address, const uint32_t *from, int size);
int SPIRead(uint32_t address, uint32_t *to, int size);
int SPILock(void);
int SPIParamCfg(uint32_t id, uint32_t size, uint32_t block, uint32_t sector, uint32_t page, uint32_t status_mask);
int tinfl_decompress(void *inflater, const uint8_t *in, size_t *in_size, uint8_t *start, uint8_t *out,
                     size_t *out_size, uint32_t flags);
void MD5Init(void *context), MD5Update(void *context, const uint8_t *data, unsigned size),
    MD5Final(uint8_t *digest, void *context);
void software_reset(void);
void uart_tx_wait_idle(uint8_t uart);
void uart_buff_switch(uint8_t uart);

static int fail(uint32_t *error, uint32_t code) {
  *error = code;
  return 1;
}

/* --- memory and flash --- */
static int begin(const Packet *packet, uint32_t *error, Transfer *transfer) {
  const uint32_t *data = packet->data;
  if (packet->size != 16 || data[2] > kMaxPacket) return fail(error, kInvalid);
  transfer->size = data[0];
  transfer->packets = data[1];
  transfer->packet_size = data[2];
  transfer->address = data[3];
  transfer->next_packet = transfer->received = 0;
  return 0;
}

/* Is this the packet that has to come, and its data as it was sent? */
static int check_block(const Packet *packet, uint32_t *error, Transfer *transfer) {
  const uint32_t size = packet->data[kBlockSize];
  if (packet->size > kMaxPacket + kDataHeader || packet->data[kBlockNumber] != transfer->next_packet ||
      size > transfer->packet_size)
    return fail(error, kInvalid);
  const uint8_t *data = (const uint8_t *)(packet->data + kBlockData);
  uint8_t sum = kChecksumSeed;
  for (uint32_t i = 0; i < size; ++i) sum ^= data[i];
  if (sum != (uint8_t)packet->value) return fail(error, kBadChecksum);
  ++transfer->next_packet;
  return 0;
}
static void went_through(Transfer *transfer, uint32_t size) {
  transfer->received += size;
  transfer->address += size;
}

int MemDwnLdStartMsgProc(const Packet *packet, uint32_t *error, Transfer *transfer) {
  return begin(packet, error, transfer);
}
int MemPacketSendReqMsgProc(const Packet *packet, uint32_t *error, Transfer *transfer) {
  if (check_block(packet, error, transfer)) return 1;
  const uint32_t size = packet->data[kBlockSize];
  memcpy((void *)transfer->address, packet->data + kBlockData, size);
  went_through(transfer, size);
  return 0;
}
int MemDwnLdStopReqMsgProc(const Packet *packet, uint32_t *error, Transfer *transfer, uint32_t *entry) {
  if (packet->size > 8) return fail(error, kInvalid);
  transfer->leave = packet->data[0] ? 0 : kLeave;
  *entry = packet->data[1];
  return 0;
}

int FlashDwnLdParamCfgMsgProc(const Packet *packet, uint32_t *error) {
  const uint32_t *data = packet->data;
  if (packet->size != 24) return fail(error, kInvalid);
  SPIParamCfg(data[0], data[1], data[2], data[3], data[4], data[5]);
  return 0;
}
int FlashDwnLdStartMsgProc(const Packet *packet, uint32_t *error, Transfer *transfer) {
  if (begin(packet, error, transfer)) return 1;
  return SPIEraseArea(transfer->address, transfer->size) ? fail(error, kFailed) : 0;
}
/* What has been written is read back. */
int FilePacketSendReqMsgProc(Packet *packet, uint32_t *error, Transfer *transfer) {
  if (packet->data[kBlockSize] & 3) return fail(error, kInvalid);
  if (check_block(packet, error, transfer)) return 1;
  const uint32_t size = packet->data[kBlockSize];
  uint32_t *const block = packet->data + kBlockData;
  SPIWrite(transfer->address, block, (int)size);
  SPIRead(transfer->address, block, (int)size);
  uint8_t sum = kChecksumSeed;
  for (uint32_t i = 0; i < size; ++i) sum ^= ((const uint8_t *)block)[i];
  if (sum != (uint8_t)packet->value) return fail(error, kWriteError);
  went_through(transfer, size);
  return 0;
}

/* 0 in the packet asks for a restart, anything else to go on with what is in memory. */
static int end_flash(const Packet *packet, uint32_t *error) {
  SPILock();
  if ((packet->data[0] & 0xff) == 0) *error = kRestart;
  return 0;
}
int FlashDwnLdStopReqMsgProc(const Packet *packet, uint32_t *error, Transfer *transfer) {
  transfer->leave = kLeave;
  if (transfer->next_packet != transfer->packets || transfer->received != transfer->size)
    return fail(error, kFailed);
  return end_flash(packet, error);
}

int FlashDwnLdDeflatedStartMsgProc(const Packet *packet, uint32_t *error, Compressed *compressed) {
  compressed->out = compressed->dictionary;
  compressed->inflater[0] = 0; /* tinfl_init() */
  return FlashDwnLdStartMsgProc(packet, error, &compressed->transfer);
}

/* Writes what the dictionary holds, in words. */
static int write_dictionary(uint32_t *error, Compressed *compressed) {
  uint32_t size = (uint32_t)(compressed->out - compressed->dictionary);
  while (size & 3) compressed->dictionary[size++] = 0xff;
  compressed->out = compressed->dictionary;
  const uint32_t address = compressed->transfer.address;
  if (SPIWrite(address, (const uint32_t *)compressed->dictionary, (int)size)) return fail(error, kWriteError);
  compressed->transfer.address = address + size;
  return 0;
}
int FilePacketSendDeflatedReqMsgProc(const Packet *packet, uint32_t *error, Compressed *compressed) {
  Transfer *const transfer = &compressed->transfer;
  if (check_block(packet, error, transfer)) return 1;
  const uint8_t *in = (const uint8_t *)(packet->data + kBlockData);
  const uint8_t *const end = compressed->dictionary + kDictionary;
  size_t left = packet->data[kBlockSize];
  const bool last = transfer->next_packet == transfer->packets;
  transfer->received += left;
  int status;
  do {
    size_t in_size = left, out_size = (size_t)(end - compressed->out);
    status = tinfl_decompress(compressed->inflater, in, &in_size, compressed->dictionary, compressed->out, &out_size,
                              kInflateZlibHeader | (last ? 0 : kInflateHasMore));
    if (status < 0) return fail(error, (uint32_t)(kInflate - status));
    in += in_size;
    left -= in_size;
    compressed->out += out_size;
    if (compressed->out == end && write_dictionary(error, compressed)) return 1;
  } while (status == kInflateHasOutput || (status == kInflateNeedsInput && left));
  if (status != kInflateDone || compressed->out == compressed->dictionary) return 0;
  return write_dictionary(error, compressed);
}
int FlashDwnLdStopDeflatedReqMsgProc(const Packet *packet, uint32_t *error, Compressed *compressed) {
  compressed->transfer.leave = kLeave;
  if (compressed->transfer.next_packet != compressed->transfer.packets) return fail(error, kFailed);
  return end_flash(packet, error);
}

/* The digest of a piece of flash, as 32 hexadecimal digits. */
int VerifyFlashMd5Proc(const Packet *packet, uint32_t *error, char *digits) {
  if (packet->size > kMaxPacket + kDataHeader) return fail(error, kInvalid);
  uint32_t context[22], buffer[128 / 4];
  uint8_t digest[16];
  uint32_t address = packet->data[0];
  MD5Init(context);
  for (int left = (int)packet->data[1]; left > 0;) {
    const int size = left < (int)sizeof buffer ? left : (int)sizeof buffer;
    if (SPIRead(address, buffer, (size + 3) & ~3)) return fail(error, kReadError);
    MD5Update(context, (const uint8_t *)buffer, (unsigned)size);
    address += (uint32_t)size;
    left -= size;
  }
  MD5Final(digest, context);
  for (unsigned i = 0; i < 32; ++i) digits[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
  *error = kNone;
  return 0;
}

/* --- registers, flash chip, line --- */
int UartConnectProc(const Packet *packet, uint32_t *error, uint32_t *value) {
  *value = packet->data[0];
  *error = kNone;
  return 0;
}
/* Any number of: address, value, mask, microseconds to wait before. */
int UartRegWriteProc(const Packet *packet, uint32_t *error) {
  const uint32_t *write = packet->data;
  for (unsigned n = packet->size / 16; n > 0; --n, write += 4) {
    ets_delay_us(write[3]);
    replace_bits(write[0], write[2], write[1] & write[2]);
  }
  *error = kNone;
  return 0;
}
int UartRegReadProc(const Packet *packet, uint32_t *error, uint32_t *value) {
  *value = REG(packet->data[0]);
  *error = kNone;
  return 0;
}
int UartSpiAttachProc(const Packet *packet, uint32_t *error) {
  esp_rom_spiflash_attach(packet->data[0], packet->data[1] & 0xff);
  *error = kNone;
  return 0;
}
int UartSpiReadProc(const Packet *packet, uint32_t *error, uint32_t *to) {
  if (packet->data[1] > 64) return fail(error, kTooLong);
  return SPIRead(packet->data[0], to, (int)packet->data[1]) ? fail(error, kReadError) : 0;
}
/* The divider for a rate, or (second word) a divider. */
int UartSetBaudProc(const Packet *packet, uint32_t *error, uint32_t *divider) {
  *divider = packet->data[1] & 0xff ? packet->data[0] : (ets_get_detected_xtal_freq() << 4) / packet->data[0];
  *error = kNone;
  return 0;
}

/* --- the conversation --- */

/* Bytes stay in the FIFO, however long a packet's work takes; its interrupt only ends a wait. */
static void input_is_there(void *unused) {
  (void)unused;
  UART_INT_ENA(0) &= ~UART_RXFIFO_FULL_INT;
  UART_INT_ENA(1) &= ~UART_RXFIFO_FULL_INT;
}
static bool has_input(unsigned uart) { return UART_STATUS(uart) & UART_RXFIFO_CNT; }
static void wait_for_input(bool first, bool second) {
  /* An interrupt between the look and the wait has to wait too, or it would go unnoticed. */
  const uint32_t ps = _xtos_set_intlevel(1);
  if (!(first && has_input(0)) && !(second && has_input(1))) {
    for (unsigned uart = 0; uart < 2; ++uart) {
      if (!(uart ? second : first)) continue;
      UART_INT_CLR(uart) = UART_RXFIFO_FULL_INT; /* of bytes that have been read since */
      UART_INT_ENA(uart) |= UART_RXFIFO_FULL_INT;
    }
    __asm__ volatile("waiti 0" ::: "memory");
  }
  _xtos_set_intlevel(ps);
}

/* The length of a packet once it is complete, else 0; takes no more than has come. */
static int receive(uint8_t *to) {
  UartDevice *const uart = GetUartDevice();
  int length = 0;
  for (uint8_t c; length == 0 && uart_rx_one_char(&c) == OK;) length = rom_slip_byte(uart, to, kRoom, c);
  return length;
}

static bool answer(uint8_t *message, uint32_t length, unsigned times) {
  for (; times > 0; --times)
    if (SendMsg(message, (uint16_t)length) != OK) return false;
  return true;
}
enum { kSyncAnswers = 8 }; /* to each SYNC; esptool counts on it */

/* What came in on a UART so far: 2 if a tool has said SYNC, which is answered. The first bytes on UART0 only serve to
   find the baud rate. */
int UartConnCheck(uint8_t uart) {
  UartDevice *const device = GetUartDevice();
  device->rx_uart = uart;
  if (device->rx_state < kSlipSearchingStart) {
    const uint32_t divider = (uint32_t)uart_baudrate_detect(uart, 1);
    if (!(divider & 0xffff)) return 0;
    uart_div_modify(uart, divider & 0xffff);
    device->rx_state = kSlipSearchingStart;
  }
  Packet *const packet = REQUEST;
  if (!receive((uint8_t *)packet) || packet->direction != 0 || packet->operation != kSync) return 0;
  uint8_t *const message = gTxMsg;
  memset(message, 0, 12);
  message[0] = 1;
  message[1] = kSync;
  message[2] = 4;
  memcpy(message + 4, packet->data, 4);
  if (uart == 1) replace_bits(IO_MUX_SD_DATA3_REG, MCU_SEL, 4u << 12);
  if (!answer(message, 12, kSyncAnswers)) return 0;
  return kLeave;
}

/* Ends the line's silence with empty frames, so that what follows starts with a new one. */
static void drain(void) {
  uart_tx_one_char2(kSlipEnd);
  uart_tx_one_char2(kSlipEnd);
  uart_tx_wait_idle(GetUartDevice()->rx_uart);
}

/* Serves requests until one says to leave. 0; then *entry is where to go on, unless it is 0.
   What is no request is answered as the last one was, with an error, and after a SYNC as often: tools that try a later
   chip's operation recognise by it that there is none. Values of answers stay until the next one, too. */
int UartDwnLdProc(uint8_t *buffer, uint16_t room, uint32_t *entry) {
  (void)room;
  Packet *const packet = (Packet *)buffer;
  Transfer plain = {0}, *const transfer = &plain;
  Compressed *const compressed = COMPRESSED;
  memset(&compressed->transfer, 0, sizeof compressed->transfer);
  uint8_t *const message = gTxMsg;
  uint8_t operation = kSync; /* the last that there is */
  uint32_t value = 0;
  do {
    while (!receive(buffer)) wait_for_input(GetUartDevice()->rx_uart == 0, GetUartDevice()->rx_uart == 1);
    uint32_t error = kNone, divider = 0;
    int failed = 0;
    uint32_t extra = 0; /* bytes of the answer before its status */
    const uint8_t before = operation;
    operation = packet->operation;
    switch (packet->direction ? 0 : packet->operation) {
      case kFlashBegin: failed = FlashDwnLdStartMsgProc(packet, &error, transfer); break;
      case kFlashData: failed = FilePacketSendReqMsgProc(packet, &error, transfer); break;
      case kFlashEnd:
        failed = FlashDwnLdStopReqMsgProc(packet, &error, transfer);
        *entry = 0;
        break;
      case kMemBegin: failed = MemDwnLdStartMsgProc(packet, &error, transfer); break;
      case kMemData: failed = MemPacketSendReqMsgProc(packet, &error, transfer); break;
      case kMemEnd: failed = MemDwnLdStopReqMsgProc(packet, &error, transfer, entry); break;
      case kSync: UartConnectProc(packet, &error, &value); break;
      case kWriteReg: UartRegWriteProc(packet, &error); break;
      case kReadReg: UartRegReadProc(packet, &error, &value); break;
      case kSpiSetParams: failed = FlashDwnLdParamCfgMsgProc(packet, &error); break;
      case kSpiAttach: UartSpiAttachProc(packet, &error); break;
      case kReadFlash:
        failed = UartSpiReadProc(packet, &error, (uint32_t *)(message + 8));
        extra = 64;
        break;
      case kChangeBaudrate: UartSetBaudProc(packet, &error, &divider); break;
      case kDeflBegin: failed = FlashDwnLdDeflatedStartMsgProc(packet, &error, compressed); break;
      case kDeflData: failed = FilePacketSendDeflatedReqMsgProc(packet, &error, compressed); break;
      case kDeflEnd:
        failed = FlashDwnLdStopDeflatedReqMsgProc(packet, &error, compressed);
        *entry = 0;
        break;
      case kFlashMd5:
        failed = VerifyFlashMd5Proc(packet, &error, (char *)message + 8);
        extra = 32;
        break;
      default:
        failed = fail(&error, kInvalid);
        operation = before;
    }
    const bool restart = error == kRestart;
    if (restart) error = kNone;
    message[0] = 1;
    message[1] = operation;
    message[2] = (uint8_t)(extra + 4);
    message[3] = 0;
    memcpy(message + 4, &value, 4);
    const uint8_t status[4] = {failed != 0, (uint8_t)error, 0, 0};
    memcpy(message + 8 + extra, status, 4);
    answer(message, 12 + extra, operation == kSync ? kSyncAnswers : 1);
    if (restart) {
      drain();
      software_reset();
    }
    if (divider) {
      drain();
      uart_div_modify(GetUartDevice()->rx_uart, divider);
    }
  } while (transfer->leave != kLeave && compressed->transfer.leave != kLeave);
  return 0;
}

/* UART boot: the first bytes on UART0 only serve to find the baud rate, then requests are served without a SYNC. */
static void find_baud_rate(void) {
  uint32_t divider;
  while (!((divider = (uint32_t)uart_baudrate_detect(0, 1)) & 0xffff)) wait_for_input(true, false);
  uart_div_modify(0, divider & 0xffff);
  GetUartDevice()->rx_uart = 0;
  GetUartDevice()->rx_state = kSlipSearchingStart;
}

/* Download mode until a tool has loaded code; where it is to start, or 0. */
void rom_download(bool uart_boot, uint32_t *entry) {
  ets_isr_attach(UART_CPU_INTERRUPT, input_is_there, NULL);
  ets_isr_unmask(BIT(UART_CPU_INTERRUPT));
  if (uart_boot) {
    find_baud_rate();
  } else {
    while (!UartConnCheck(0) && !UartConnCheck(1)) wait_for_input(true, true);
  }
  UartDwnLdProc((uint8_t *)REQUEST, kRoom, entry);
  ets_isr_mask(BIT(UART_CPU_INTERRUPT));
}
