// Linux headers and calls that the Glibc module does not export.
// shim.c wraps the `_GNU_SOURCE` calls, because defining `_GNU_SOURCE` here would clash with Glibc's `fd_set`.
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
#include <linux/sched.h>
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

// Sets a pipe's capacity in bytes. Returns the resulting capacity or -errno.
int clinux_pipe_resize(int end, int bytes);

// A datagram of a batch.
struct clinux_datagram {
    const void *bytes;
    uint32_t count;
};

// Sends up to `count` (at most 64) datagrams to one destination (NULL: the connected peer) without blocking.
// Returns the number that the kernel accepted, or -errno when it accepted none.
int clinux_send_datagrams(int descriptor, const struct sockaddr *to, socklen_t length, const struct clinux_datagram *datagrams, unsigned count);

// A received datagram.
struct clinux_received {
    struct sockaddr_storage from;
    socklen_t from_length;
    // The number of bytes in its buffer.
    uint32_t count;
    // Nonzero when the datagram was longer than its buffer and was cut.
    uint8_t is_truncated;
};

// Receives up to `count` (at most 32) datagrams without blocking; datagram i is stored at `bytes + i * room`.
// Returns the number of datagrams or -errno: -EAGAIN when none waits.
int clinux_receive_datagrams(int descriptor, void *bytes, uint32_t room, struct clinux_received *received, unsigned count);

// Gets the number of datagrams that the kernel dropped since the socket was opened, modulo 2^32. Returns 0 or -errno.
int clinux_dropped_datagrams(int descriptor, uint32_t *dropped);

// Two bytes that every accepted datagram contains.
struct clinux_expected {
    uint16_t offset;
    uint16_t value;
};

// Makes the kernel drop datagrams that lack any of `count` (at most 16) expected pairs of bytes: a classic BPF filter (socket(7), SO_ATTACH_FILTER).
// Returns 0 or -errno.
int clinux_filter_datagrams(int descriptor, const struct clinux_expected *expected, unsigned count);

// fork(2), which Swift does not offer. Only for a process with one thread. Returns like fork, or -errno.
pid_t clinux_fork(void);

// Sends one byte and `count` (at most 250) open descriptors over a UNIX socket without blocking. Returns 0 or -errno.
int clinux_send_descriptors(int descriptor, uint8_t byte, const int *descriptors, unsigned count);

// Receives one byte and its descriptors, at most `room` (at most 250), close-on-exec; further ones are closed.
// Returns 1 with `byte` and `count` set, 0 at the end of the stream, or -errno: -EAGAIN when nothing waits.
int clinux_receive_descriptors(int descriptor, uint8_t *byte, int *descriptors, unsigned room, unsigned *count);

// Opens an unnamed, sealable, close-on-exec file in memory. Returns the descriptor or -errno.
int clinux_memory_file(const char *name);

// Seals a file of `clinux_memory_file` against changes of its bytes and its size. Returns 0 or -errno.
int clinux_seal(int descriptor);

// Returns 1 for a file with all these seals, otherwise 0.
int clinux_is_sealed(int descriptor);

// Opens the entry at `path` itself, of any kind, without following a symbolic link. Only its status, mode and owner can be used (O_PATH).
// Returns the descriptor or -errno.
int clinux_open_entry(const char *path);

// Changes the owner of a file, also of one opened by `clinux_open_entry`. An identifier of all ones keeps the present value. Returns 0 or -errno.
int clinux_change_owner(int descriptor, uid_t user, gid_t group);

// Starts `path` as a child process without blocked signals, with `errors` as its stderr and `kept` open (-1 in either for none).
// Other close-on-exec descriptors close. Returns the child's process identifier or -errno. For a process with one thread.
pid_t clinux_spawn(const char *path, char *const arguments[], char *const environment[], int errors, const int *kept, unsigned count);

// Starts a program in a new process group that has the child's identifier as its number. `name` without a slash is looked up in the PATH of `environment`.
// The program has no blocked and no ignored signals, and dies with the calling thread. If it cannot be run, the child writes the reason to stderr and exits
// with 255. Returns the child's process identifier or -errno.
pid_t clinux_run(const char *name, char *const arguments[], char *const environment[]);

// Returns a child that has ended and is not collected yet: `process` (0: any child); 0 if there is none.
pid_t clinux_ended_child(pid_t process);

// Makes the calling process the parent of its descendants whose parents end. Returns 0 or -errno.
int clinux_adopt_orphans(void);

// Sets the list of supplementary groups. Returns 0 or -errno.
int clinux_setgroups(size_t count, const gid_t *groups);

// The calling thread's capabilities, one bit per capability number.
struct clinux_capabilities {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

// Reads the calling thread's capabilities. Returns 0 or -errno.
int clinux_capabilities(struct clinux_capabilities *sets);

// Sets the calling thread's capabilities. Returns 0 or -errno.
int clinux_set_capabilities(const struct clinux_capabilities *sets);

// Drops all capabilities except `kept` from the calling thread's bounding set. Returns 0 or -errno: -EPERM without CAP_SETPCAP.
int clinux_bound_capabilities(uint64_t kept);

// Empties the calling thread's ambient set. Returns 0 or -errno.
int clinux_clear_ambient_capabilities(void);

// Keeps the calling thread's permitted capabilities when it changes its user (1), or gives them up then (0). Returns 0 or -errno.
int clinux_keep_capabilities(int keeps);

// Sets no_new_privs for the calling thread. Returns 0 or -errno.
int clinux_gain_no_privileges(void);

// Makes the process not dumpable: no core files, and only root can read its memory. Returns 0 or -errno.
int clinux_hide_memory(void);

// Returns 1 for an open network namespace, otherwise 0.
int clinux_is_network_namespace(int descriptor);

// Moves the calling thread into an open network namespace: setns(2). Returns 0 or -errno.
int clinux_enter_network_namespace(int descriptor);

// Installs a seccomp(2) program irrevocably in all threads; the kernel logs refused calls. Returns 0 or -errno.
int clinux_filter_system_calls(const struct sock_filter *program, unsigned short count);

// Names the calling thread (at most 15 bytes).
void clinux_name_thread(const char *name);

// Gets the calling thread's name with its NUL.
void clinux_thread_name(char name[16]);

#endif
