/* malloc_shim.c: lets one allocation fail that is made from inside chosen libraries, and keeps a ledger of theirs. For LD_PRELOAD, with glibc.
 *
 * Whose an allocation is, its return address tells. The ledger names what has not been freed: nothing, once the work is over. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

enum { LIBRARIES_MAX = 8, SEGMENTS_MAX = 4, LEDGER_SIZE = 1 << 17, NOBODY = -1 };

typedef struct {
    const char *name;
    struct { uintptr_t begin, end; } code[SEGMENTS_MAX];
    int segments;
    long live;
} library;

static library libraries[LIBRARIES_MAX];
static atomic_int library_count;
static atomic_long seen, chosen; /* chosen: the number of the call that fails, 0 for none */
static atomic_flag ledger_lock = ATOMIC_FLAG_INIT;
static struct { uintptr_t address; int owner; } ledger[LEDGER_SIZE]; /* open addressing, linear probing */

static int find_library(struct dl_phdr_info *object, size_t size, void *into)
{
    library *found = into;
    (void)size;
    if (strstr(object->dlpi_name, found->name) == NULL)
        return 0;
    for (int i = 0; i < object->dlpi_phnum && found->segments < SEGMENTS_MAX; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        found->code[found->segments].begin = object->dlpi_addr + part->p_vaddr;
        found->code[found->segments++].end = object->dlpi_addr + part->p_vaddr + part->p_memsz;
    }
    return 1;
}

/* Watches the loaded library whose path contains *name*, a text that stays. Returns its number, or -1 if there is none. */
int malloc_shim_watch(const char *name)
{
    int count = atomic_load(&library_count);
    library *next = &libraries[count];
    if (count == LIBRARIES_MAX)
        return NOBODY;
    next->name = name;
    if (dl_iterate_phdr(find_library, next) == 0)
        return NOBODY;
    atomic_store(&library_count, count + 1);
    return count;
}

/* From now on the *nth* allocation from inside the watched libraries fails; with 0 they are counted only. */
void malloc_shim_arm(long nth)
{
    atomic_store(&seen, 0);
    atomic_store(&chosen, nth);
}

/* No more failures; returns how many allocations there were. */
long malloc_shim_disarm(void)
{
    atomic_store(&chosen, 0);
    return atomic_load(&seen);
}

/* Allocations of a library that nobody has freed. */
long malloc_shim_live(int number)
{
    return libraries[number].live;
}

static int owner_of(void *return_address)
{
    uintptr_t at = (uintptr_t)return_address;
    for (int i = 0, count = atomic_load(&library_count); i < count; i++)
        for (int k = 0; k < libraries[i].segments; k++)
            if (at >= libraries[i].code[k].begin && at < libraries[i].code[k].end)
                return i;
    return NOBODY;
}

static int fails(int owner)
{
    if (owner == NOBODY || atomic_fetch_add(&seen, 1) + 1 != atomic_load(&chosen))
        return 0;
    errno = ENOMEM;
    return 1;
}

static size_t home(uintptr_t address)
{
    return (size_t)(address * 0x9E3779B97F4A7C15u >> 47) % LEDGER_SIZE;
}

static void lock_ledger(void)
{
    while (atomic_flag_test_and_set(&ledger_lock))
        sched_yield();
}

static void *enter(void *memory, int owner)
{
    if (memory == NULL || owner == NOBODY)
        return memory;
    lock_ledger();
    size_t i = home((uintptr_t)memory);
    while (ledger[i].address != 0)
        i = (i + 1) % LEDGER_SIZE;
    ledger[i].address = (uintptr_t)memory;
    ledger[i].owner = owner;
    libraries[owner].live++;
    atomic_flag_clear(&ledger_lock);
    return memory;
}

/* Returns whose it was. */
static int strike(void *memory)
{
    int owner = NOBODY;
    if (memory == NULL || atomic_load(&library_count) == 0)
        return owner;
    lock_ledger();
    size_t i = home((uintptr_t)memory);
    while (ledger[i].address != 0 && ledger[i].address != (uintptr_t)memory)
        i = (i + 1) % LEDGER_SIZE;
    if (ledger[i].address != 0) {
        owner = ledger[i].owner;
        libraries[owner].live--;
        /* Close the gap: whoever stands behind it and would be looked for at or before it moves up. */
        for (size_t k = (i + 1) % LEDGER_SIZE; ledger[k].address != 0; k = (k + 1) % LEDGER_SIZE) {
            size_t wanted = home(ledger[k].address);
            if ((k - wanted) % LEDGER_SIZE >= (k - i) % LEDGER_SIZE) {
                ledger[i] = ledger[k];
                i = k;
            }
        }
        ledger[i].address = 0;
    }
    atomic_flag_clear(&ledger_lock);
    return owner;
}

#define CALLER owner_of(__builtin_return_address(0))

void *malloc(size_t size)
{
    int owner = CALLER;
    return fails(owner) ? NULL : enter(__libc_malloc(size), owner);
}

void *calloc(size_t count, size_t size)
{
    int owner = CALLER;
    return fails(owner) ? NULL : enter(__libc_calloc(count, size), owner);
}

void *realloc(void *old, size_t size)
{
    int owner = CALLER;
    if (fails(owner))
        return NULL;
    int before = strike(old);
    void *memory = __libc_realloc(old, size);
    if (memory == NULL && size != 0) {
        enter(old, before);
        return NULL;
    }
    return enter(memory, owner);
}

void *memalign(size_t alignment, size_t size)
{
    int owner = CALLER;
    return fails(owner) ? NULL : enter(__libc_memalign(alignment, size), owner);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    int owner = CALLER;
    return fails(owner) ? NULL : enter(__libc_memalign(alignment, size), owner);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    int owner = CALLER;
    void *found = fails(owner) ? NULL : enter(__libc_memalign(alignment, size), owner);
    if (found == NULL)
        return ENOMEM;
    *memory = found;
    return 0;
}

void free(void *memory)
{
    strike(memory);
    __libc_free(memory);
}
