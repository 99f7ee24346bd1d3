// Preloaded (LD_PRELOAD) into the release program by `HotPathTests`: counts its forwarding threads' calls of the Swift runtime and of the
// allocator, and their large copies. Its functions replace those of the same name in libswiftCore and in the C library.
#define _GNU_SOURCE
#include "hotpathhooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct hotpath_counts *counts;
static const char *threads;

// In the static block of every thread: dynamic thread-local storage would allocate.
#define OF_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
// `is_counted` is for this thread, `creates_counted` for the threads that it creates: a thread is named by its creator, see LinuxIO's `Thread`.
OF_THREAD bool is_counted, creates_counted;

#define COUNT(field) do { if (is_counted && counts) atomic_fetch_add_explicit((_Atomic uint64_t *)&counts->field, 1, memory_order_relaxed); } while (0)

// MARK: The Swift runtime

// The program's calls come here; then the runtime's own function of the same name does the work. The runtime also exports pointers to a few of its functions
// for instruments, but Swift 6.3.1 on Linux passes small strings to them as if they were objects.
#define FORWARD(result, name, parameters, arguments, field)                      \
    result name parameters {                                                     \
        static result(*next) parameters;                                         \
        COUNT(field);                                                            \
        if (!next) next = (result(*) parameters)dlsym(RTLD_NEXT, #name);         \
        return next arguments;                                                   \
    }

FORWARD(void *, swift_retain, (void *object), (object), retains)
FORWARD(void *, swift_retain_n, (void *object, uint32_t count), (object, count), retains)
FORWARD(void *, swift_tryRetain, (void *object), (object), retains)
FORWARD(void *, swift_bridgeObjectRetain, (void *object), (object), retains)
FORWARD(void *, swift_bridgeObjectRetain_n, (void *object, int count), (object, count), retains)
FORWARD(void, swift_release, (void *object), (object), releases)
FORWARD(void, swift_release_n, (void *object, uint32_t count), (object, count), releases)
FORWARD(void, swift_bridgeObjectRelease, (void *object), (object), releases)
FORWARD(void, swift_bridgeObjectRelease_n, (void *object, int count), (object, count), releases)
FORWARD(void *, swift_allocObject, (const void *type, size_t size, size_t alignment), (type, size, alignment), objects)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("HOT_PATH_COUNTS");
    threads = getenv("HOT_PATH_THREADS");
    if (!path || !threads) return;
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    void *place = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (place == MAP_FAILED) abort();
    syscall(SYS_close, descriptor);
    counts = place;
}

// MARK: The C library

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) { COUNT(blocks); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { COUNT(blocks); return __libc_calloc(count, size); }
void *realloc(void *block, size_t size) { COUNT(blocks); return __libc_realloc(block, size); }
void *memalign(size_t alignment, size_t size) { COUNT(blocks); return __libc_memalign(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { COUNT(blocks); return __libc_memalign(alignment, size); }
int posix_memalign(void **block, size_t alignment, size_t size) {
    COUNT(blocks);
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}

// Not declared `restrict`: the compiler would make memmove a call of this function.
void *memcpy(void *to, const void *from, size_t size) {
    if (size >= hotpath_copy_bytes_min) COUNT(copies);
    return memmove(to, from, size);
}

int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags) {
    int descriptor = (int)syscall(SYS_accept4, listener, address, length, flags);
    if (descriptor >= 0) COUNT(accepts);
    return descriptor;
}

int close(int descriptor) {
    COUNT(closes);
    return (int)syscall(SYS_close, descriptor);
}

// MARK: Threads

int prctl(int option, ...) {
    va_list list;
    va_start(list, option);
    unsigned long arguments[4];
    for (int i = 0; i < 4; i++) arguments[i] = va_arg(list, unsigned long);
    va_end(list);
    if (option == PR_SET_NAME && threads) creates_counted = strncmp((const char *)arguments[0], threads, strlen(threads)) == 0;
    return (int)syscall(SYS_prctl, option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

struct start {
    void *(*body)(void *);
    void *argument;
};

static void *begin_counted(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    is_counted = true;
    return start.body(start.argument);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!next) next = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))dlsym(RTLD_NEXT, "pthread_create");
    struct start *start = creates_counted ? malloc(sizeof *start) : NULL;
    if (!start) return next(thread, attributes, body, argument);
    *start = (struct start){.body = body, .argument = argument};
    return next(thread, attributes, begin_counted, start);
}
