#include "debug/free_rtos_tasks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "debug/free_rtos_guest_test_support.h"

namespace espalier::debug {
namespace {

using ::testing::ElementsAre;
using Guest = testing_support::FreeRtosGuest;

std::vector<std::string> summary(const std::vector<FreeRtosTask>& tasks) {
  std::vector<std::string> all;
  for (const FreeRtosTask& task : tasks)
    all.push_back(task.name + " " + task.state + " " + std::to_string(task.priority) +
                  (task.cpu ? " on " + std::to_string(*task.cpu) : ""));
  return all;
}

TEST(FreeRtos, ListsTasksOfBothLayouts) {
  for (const std::uint32_t offset : {52u, 56u}) {
    Guest guest;
    const std::uint32_t a = Guest::kBase + 0x1000, b = a + 0x900, c = b + 0x900;
    guest.task(a, "main", 1, offset);
    guest.task(b, "IDLE", 0, offset);
    guest.task(c, "esp_timer", 22, offset);
    guest.put(Guest::kCurrent, a);
    guest.put(Guest::kCurrent + 4, b);
    guest.put(Guest::kRunning, 1);
    guest.list(Guest::kReady, {b});
    guest.list(Guest::kReady + 20, {a});
    guest.list(Guest::kSuspended, {c});
    EXPECT_THAT(summary(guest.rtos().tasks(guest.read())),
                ElementsAre("main running 1 on 0", "IDLE running 0 on 1", "esp_timer suspended 22"));
    guest.put(Guest::kRunning, 0);
    EXPECT_TRUE(guest.rtos().tasks(guest.read()).empty());
  }
}

TEST(FreeRtos, ListsThatMakeNoSenseEnd) {
  Guest guest;
  guest.put(Guest::kRunning, 1);
  guest.put(Guest::kCurrent, 0x12345678);  // nowhere
  guest.put(Guest::kReady, 0xffffffff);    // endless, and to itself
  guest.put(Guest::kReady + 8 + 4, Guest::kReady + 0x40);
  guest.put(Guest::kReady + 0x40 + 4, Guest::kReady + 0x40);
  guest.put(Guest::kReady + 0x40 + 12, Guest::kBase + 0x1000);
  guest.put(Guest::kDelayed, 5);
  guest.put(Guest::kDelayed + 8 + 4, 0x70000000);
  EXPECT_TRUE(guest.rtos().tasks(guest.read()).empty());
  EXPECT_TRUE(guest.rtos().registers(guest.read(), 0x12345678).empty());
}

TEST(FreeRtos, RegistersOfAnInterruptedTask) {
  Guest guest;
  const std::uint32_t tcb = Guest::kBase + 0x1000, frame = tcb + 0x800;
  guest.task(tcb, "main", 1, 52);
  guest.put(frame, 0x40080000);  // exit: not 0
  guest.put(frame + 4, 0x400d1234);
  guest.put(frame + 8, 0x60f30);
  for (std::uint32_t n = 0; n < 16; ++n) guest.put(frame + 12 + 4 * n, 0x1000 + n);
  guest.put(frame + 76, 17);
  auto registers = guest.rtos().registers(guest.read(), tcb);
  EXPECT_EQ(registers.at(0), 0x400d1234u);
  for (unsigned n = 0; n < 16; ++n) {
    EXPECT_EQ(registers.at(1 + n), 0x1000 + n);
    EXPECT_EQ(registers.at(157 + n), 0x1000 + n);
  }
  EXPECT_EQ(registers.at(68), 17u);
  EXPECT_EQ(registers.at(73), 0x60f20u);  // EXCM is the handler's
  EXPECT_EQ(registers.at(69), 0u);
  EXPECT_EQ(registers.at(70), 1u);
  EXPECT_FALSE(registers.contains(17));
}

TEST(FreeRtos, RegistersOfATaskThatHasYielded) {
  Guest guest;
  const std::uint32_t tcb = Guest::kBase + 0x1000, frame = tcb + 0x800;
  guest.task(tcb, "main", 1, 52);
  guest.put(frame, 0);
  guest.put(frame + 4, 0x800d1234);  // a return address of a CALL8
  guest.put(frame + 8, 0x60f20);
  guest.put(frame - 16, 0x800d5678);
  guest.put(frame - 8, 0x77);
  auto registers = guest.rtos().registers(guest.read(), tcb);
  EXPECT_EQ(registers.at(0), 0x400d1234u);
  EXPECT_EQ(registers.at(1), 0x800d5678u);
  EXPECT_EQ(registers.at(2), frame + 32);
  EXPECT_EQ(registers.at(3), 0x77u);
  EXPECT_FALSE(registers.contains(5));
}

}  // namespace
}  // namespace espalier::debug
