// The counters of the preloaded library, in a file that both the program and the test map.
#ifndef HOTPATHHOOKS_H
#define HOTPATHHOOKS_H

#include <stdint.h>

// `HotPathBench.Counts` reads them in this order. They count threads whose names begin with $HOT_PATH_THREADS.
struct hotpath_counts {
    // Accepted connections and closed descriptors.
    uint64_t accepts, closes;
    // Calls of the Swift runtime: references added and dropped, objects created.
    uint64_t retains, releases, objects;
    // Blocks taken from the C library's allocator, the runtime's included.
    uint64_t blocks;
    // Copies of memory of `hotpath_copy_bytes_min` bytes and more.
    uint64_t copies;
};

// A forwarding thread's struct is larger; otherwise only payload of this size is copied per event.
enum { hotpath_copy_bytes_min = 256 };

#endif
