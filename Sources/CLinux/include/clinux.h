// Linux headers and calls that the Glibc module does not export.
// The `_GNU_SOURCE` calls are wrapped in shim.c: defining `_GNU_SOURCE` here would clash with Glibc's `fd_set`.
#ifndef CLINUX_H
#define CLINUX_H

#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

// Accepts one connection, non-blocking and close-on-exec. Returns the descriptor or -errno.
int clinux_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

// splice(2) without offsets, SPLICE_F_NONBLOCK | SPLICE_F_MOVE. Returns the bytes moved or -errno.
ssize_t clinux_splice(int from, int to, size_t count);

// pipe2(2) with O_NONBLOCK | O_CLOEXEC. Returns 0 or -errno.
int clinux_pipe(int ends[2]);

// Sets a pipe's capacity in bytes. Returns the capacity reached or -errno.
int clinux_pipe_resize(int end, int bytes);

// One datagram of a batch.
struct clinux_datagram {
    const void *bytes;
    uint32_t count;
};

// Sends up to `count` (at most 64) datagrams to one destination (NULL: the connected peer), never blocking.
// Returns how many the kernel took, or -errno when it took none.
int clinux_send_datagrams(int descriptor, const struct sockaddr *to, socklen_t length, const struct clinux_datagram *datagrams, unsigned count);

// One datagram that was received.
struct clinux_received {
    struct sockaddr_storage from;
    socklen_t from_length;
    // Bytes in its buffer.
    uint32_t count;
    // It was longer than its buffer: its end is lost.
    uint8_t is_truncated;
};

// Receives up to `count` (at most 32) datagrams, never blocking; the one of index i into `bytes + i * room`.
// Returns how many came, or -errno: -EAGAIN when none waits.
int clinux_receive_datagrams(int descriptor, void *bytes, uint32_t room, struct clinux_received *received, unsigned count);

// Datagrams that the kernel threw away because the socket's buffer was full, since it was opened; modulo 2^32. Returns 0 or -errno.
int clinux_dropped_datagrams(int descriptor, uint32_t *dropped);

// Two bytes that a datagram must have.
struct clinux_expected {
    uint16_t offset;
    uint16_t value;
};

// Lets the kernel throw away what lacks any of `count` (at most 16) expected pairs of bytes: a classic BPF filter (socket(7), SO_ATTACH_FILTER).
// Returns 0 or -errno.
int clinux_filter_datagrams(int descriptor, const struct clinux_expected *expected, unsigned count);

// fork(2), which Swift does not offer. For use before any thread exists. Returns as fork does, or -errno.
pid_t clinux_fork(void);

// Sends one byte and `count` (at most 250) open descriptors over a UNIX socket, never blocking. Returns 0 or -errno.
int clinux_send_descriptors(int descriptor, uint8_t byte, const int *descriptors, unsigned count);

// Receives one byte and the descriptors that came with it, at most `room` (at most 250), close-on-exec; more are closed.
// Returns 1 with `byte` and `count` set, 0 at the end of the stream, or -errno: -EAGAIN when nothing waits.
int clinux_receive_descriptors(int descriptor, uint8_t *byte, int *descriptors, unsigned room, unsigned *count);

// Opens an unnamed file in memory that can be sealed, close-on-exec. Returns the descriptor or -errno.
int clinux_memory_file(const char *name);

// Seals such a file: its bytes and its size cannot change any more. Returns 0 or -errno.
int clinux_seal(int descriptor);

// Returns 1 for a file with these seals, 0 for any other.
int clinux_is_sealed(int descriptor);

// Opens the entry at `path` itself, of any kind, without following a symbolic link: only for its status, its mode and its owner (O_PATH).
// Returns the descriptor or -errno.
int clinux_open_entry(const char *path);

// Changes the owner of a file, which may be open by `clinux_open_entry`; an identifier of all ones stays as it is. Returns 0 or -errno.
int clinux_change_owner(int descriptor, uid_t user, gid_t group);

// Starts `path` as a child, with no signal blocked, `errors` as its stderr and `kept` open (each -1 for none); everything else that is close-on-exec closes.
// Returns the child's number or -errno. For use in a process with one thread.
pid_t clinux_spawn(const char *path, char *const arguments[], char *const environment[], int errors, const int *kept, unsigned count);

// Sets the list of supplementary groups. Returns 0 or -errno.
int clinux_setgroups(size_t count, const gid_t *groups);

// The calling thread's capabilities, a bit for each by its number.
struct clinux_capabilities {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

// Reads the calling thread's capabilities. Returns 0 or -errno.
int clinux_capabilities(struct clinux_capabilities *sets);

// Sets the calling thread's capabilities. Returns 0 or -errno.
int clinux_set_capabilities(const struct clinux_capabilities *sets);

// Takes everything but `kept` out of the calling thread's bounding set. Returns 0 or -errno: -EPERM without CAP_SETPCAP.
int clinux_bound_capabilities(uint64_t kept);

// Empties the calling thread's ambient set. Returns 0 or -errno.
int clinux_clear_ambient_capabilities(void);

// Sets the calling thread's no_new_privs. Returns 0 or -errno.
int clinux_gain_no_privileges(void);

// No core files of this process, and nobody but root reads its memory. Returns 0 or -errno.
int clinux_hide_memory(void);

// Filters the system calls of all threads by a program of seccomp(2), for good; what is not allowed goes to the kernel's log. Returns 0 or -errno.
int clinux_filter_system_calls(const struct sock_filter *program, unsigned short count);

// Names the calling thread, at most 15 bytes.
void clinux_name_thread(const char *name);

// The calling thread's name with its NUL.
void clinux_thread_name(char name[16]);

#endif
