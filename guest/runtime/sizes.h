/* Sizes of the stacks, in bytes. */
#define STACK_SIZE 8192
#define PANIC_STACK_SIZE 2048
