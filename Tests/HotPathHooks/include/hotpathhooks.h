// What the preloaded library counts in a program, in a file that both it and the test map.
#ifndef HOTPATHHOOKS_H
#define HOTPATHHOOKS_H

#include <stdint.h>

// `HotPathBench.Counts` reads them in this order. Numbers of the threads whose names begin with $HOT_PATH_THREADS.
struct hotpath_counts {
    // Connections accepted, descriptors closed.
    uint64_t accepts, closes;
    // Calls of the Swift runtime: references added and dropped, objects made.
    uint64_t retains, releases, objects;
    // Blocks taken from the C library's allocator, the runtime's included.
    uint64_t blocks;
    // Copies of memory of `hotpath_copy_bytes_min` bytes and more.
    uint64_t copies;
};

// A forwarding thread's struct is larger; nothing else of this size is copied per event but payload.
enum { hotpath_copy_bytes_min = 256 };

#endif
