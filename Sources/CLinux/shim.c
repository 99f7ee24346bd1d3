#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    int descriptor = accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

ssize_t clinux_splice(int from, int to, size_t count) {
    ssize_t moved = splice(from, NULL, to, NULL, count, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    return moved >= 0 ? moved : -errno;
}

int clinux_pipe(int ends[2]) {
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0 ? 0 : -errno;
}

int clinux_pipe_resize(int end, int bytes) {
    int reached = fcntl(end, F_SETPIPE_SZ, bytes);
    return reached >= 0 ? reached : -errno;
}

int clinux_send_datagrams(int descriptor, const struct sockaddr *to, socklen_t length, const struct clinux_datagram *datagrams, unsigned count) {
    enum { batch = 64 };
    struct mmsghdr messages[batch];
    struct iovec vectors[batch];
    if (count > batch) count = batch;
    memset(messages, 0, sizeof messages[0] * count);
    for (unsigned i = 0; i < count; i++) {
        vectors[i].iov_base = (void *)datagrams[i].bytes;
        vectors[i].iov_len = datagrams[i].count;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = (void *)to;
        messages[i].msg_hdr.msg_namelen = to ? length : 0;
    }
    int sent = sendmmsg(descriptor, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent >= 0 ? sent : -errno;
}

int clinux_receive_datagrams(int descriptor, void *bytes, uint32_t room, struct clinux_received *received, unsigned count) {
    enum { batch = 32 };
    struct mmsghdr messages[batch];
    struct iovec vectors[batch];
    if (count > batch) count = batch;
    memset(messages, 0, sizeof messages[0] * count);
    for (unsigned i = 0; i < count; i++) {
        vectors[i].iov_base = (uint8_t *)bytes + (size_t)i * room;
        vectors[i].iov_len = room;
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &received[i].from;
        messages[i].msg_hdr.msg_namelen = sizeof received[i].from;
    }
    int came = recvmmsg(descriptor, messages, count, MSG_DONTWAIT, NULL);
    if (came < 0) return -errno;
    for (int i = 0; i < came; i++) {
        received[i].from_length = messages[i].msg_hdr.msg_namelen;
        received[i].count = messages[i].msg_len < room ? messages[i].msg_len : room;
        received[i].is_truncated = (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    }
    return came;
}

int clinux_dropped_datagrams(int descriptor, uint32_t *dropped) {
    uint32_t figures[SK_MEMINFO_VARS];
    socklen_t length = sizeof figures;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, figures, &length) != 0) return -errno;
    if (length < sizeof figures[0] * (SK_MEMINFO_DROPS + 1)) return -ENOPROTOOPT;
    *dropped = figures[SK_MEMINFO_DROPS];
    return 0;
}

int clinux_filter_datagrams(int descriptor, const struct clinux_expected *expected, unsigned count) {
    enum { limit = 16, udp_header = 8 };
    struct sock_filter program[2 * limit + 2];
    if (count > limit) return -EINVAL;
    unsigned used = 0;
    for (unsigned i = 0; i < count; i++) {
        // A load beyond the end drops the datagram. Any other value jumps over the remaining tests and the acceptance.
        program[used++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, udp_header + expected[i].offset);
        program[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, expected[i].value, 0, 2 * (count - i - 1) + 1);
    }
    program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog filter = {.len = (unsigned short)used, .filter = program};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 ? 0 : -errno;
}

pid_t clinux_fork(void) {
    pid_t child = fork();
    return child >= 0 ? child : -errno;
}

enum { passed_max = 250 };

int clinux_send_descriptors(int descriptor, uint8_t byte, const int *descriptors, unsigned count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * passed_max)];
    } control;
    if (count > passed_max) return -EINVAL;
    struct iovec vector = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    memset(&control, 0, sizeof control);
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    return sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int clinux_receive_descriptors(int descriptor, uint8_t *byte, int *descriptors, unsigned room, unsigned *count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * passed_max)];
    } control;
    struct iovec vector = {.iov_base = byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    *count = 0;
    ssize_t received = recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received <= 0) return received < 0 ? -errno : 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        unsigned came = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < came; i++) {
            int passed;
            memcpy(&passed, CMSG_DATA(header) + i * sizeof(int), sizeof passed);
            if (*count < room) descriptors[(*count)++] = passed; else close(passed);
        }
    }
    // Some descriptors did not fit; a part of them must not pass for all.
    if (message.msg_flags & MSG_CTRUNC) {
        while (*count > 0) close(descriptors[--*count]);
        return -EMFILE;
    }
    return 1;
}

int clinux_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor >= 0 ? descriptor : -errno;
}

enum { all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

int clinux_seal(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, all_seals) == 0 ? 0 : -errno;
}

int clinux_is_sealed(int descriptor) {
    int seals = fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && (seals & all_seals) == all_seals;
}

int clinux_open_entry(const char *path) {
    int descriptor = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return descriptor >= 0 ? descriptor : -errno;
}

int clinux_change_owner(int descriptor, uid_t user, gid_t group) {
    return fchownat(descriptor, "", user, group, AT_EMPTY_PATH) == 0 ? 0 : -errno;
}

pid_t clinux_spawn(const char *path, char *const arguments[], char *const environment[], int errors, const int *kept, unsigned count) {
    pid_t child = fork();
    if (child != 0) return child > 0 ? child : -errno;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (errors >= 0) dup2(errors, STDERR_FILENO);
    for (unsigned i = 0; i < count; i++)
        if (kept[i] >= 0) fcntl(kept[i], F_SETFD, 0);
    execve(path, arguments, environment);
    _exit(127);
}

pid_t clinux_run(const char *name, char *const arguments[], char *const environment[]) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child > 0) {
        // Parent and child both create the group, because either may continue first.
        setpgid(child, child);
        return child;
    }
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    // The parent may have died before the line above.
    if (getppid() != parent) _exit(255);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    environ = (char **)environment;
    execvp(name, arguments);
    dprintf(STDERR_FILENO, "cannot run '%s': %s\n", name, strerror(errno));
    _exit(255);
}

pid_t clinux_ended_child(pid_t process) {
    siginfo_t info = {0};
    if (waitid(process > 0 ? P_PID : P_ALL, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return 0;
    return info.si_pid;
}

int clinux_adopt_orphans(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

int clinux_setgroups(size_t count, const gid_t *groups) {
    return setgroups(count, groups) == 0 ? 0 : -errno;
}

void clinux_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

void clinux_thread_name(char name[16]) {
    prctl(PR_GET_NAME, name, 0, 0, 0);
}

int clinux_capabilities(struct clinux_capabilities *sets) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, words) != 0) return -errno;
    sets->effective = words[0].effective | (uint64_t)words[1].effective << 32;
    sets->permitted = words[0].permitted | (uint64_t)words[1].permitted << 32;
    sets->inheritable = words[0].inheritable | (uint64_t)words[1].inheritable << 32;
    return 0;
}

int clinux_set_capabilities(const struct clinux_capabilities *sets) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        words[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)(sets->effective >> 32 * i),
            .permitted = (uint32_t)(sets->permitted >> 32 * i),
            .inheritable = (uint32_t)(sets->inheritable >> 32 * i),
        };
    return syscall(SYS_capset, &header, words) == 0 ? 0 : -errno;
}

int clinux_bound_capabilities(uint64_t kept) {
    // The kernel may support more capabilities than these headers. PR_CAPBSET_READ fails after the last one.
    for (unsigned number = 0; number < 64; number++) {
        if (kept >> number & 1) continue;
        int is_there = prctl(PR_CAPBSET_READ, number, 0, 0, 0);
        if (is_there < 0) break;
        if (is_there && prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return -errno;
    }
    return 0;
}

int clinux_clear_ambient_capabilities(void) {
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 ? 0 : -errno;
}

int clinux_keep_capabilities(int keeps) {
    return prctl(PR_SET_KEEPCAPS, keeps, 0, 0, 0) == 0 ? 0 : -errno;
}

int clinux_gain_no_privileges(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

int clinux_hide_memory(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

int clinux_is_network_namespace(int descriptor) {
    return ioctl(descriptor, NS_GET_NSTYPE) == CLONE_NEWNET;
}

int clinux_enter_network_namespace(int descriptor) {
    return setns(descriptor, CLONE_NEWNET) == 0 ? 0 : -errno;
}

int clinux_filter_system_calls(const struct sock_filter *program, unsigned short count) {
    struct sock_fprog filter = {.len = count, .filter = (struct sock_filter *)program};
    long outcome = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &filter);
    // A positive result is the thread that could not be filtered.
    return outcome == 0 ? 0 : outcome > 0 ? -EBUSY : -errno;
}
