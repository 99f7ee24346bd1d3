import CLinux

/// The system calls of a process that serves, by what they are for. Everything else was done before.
///
/// Names are the kernel's; where two stand for one purpose, C libraries and architectures differ in which they make.
package enum ServingCalls {
    /// Made in every hour of service: the tests see each of them.
    package static let usual: [Int32] =
        [
            // Sessions, checks, questions to nameservers, log lines, gossip, runtime connections.
            __NR_accept4, __NR_close, __NR_connect, __NR_getsockname, __NR_getsockopt, __NR_pipe2, __NR_recvfrom, __NR_recvmmsg, __NR_recvmsg,
            __NR_sendmmsg, __NR_sendmsg, __NR_sendto, __NR_setsockopt, __NR_shutdown, __NR_socket, __NR_splice, __NR_fcntl, __NR_read, __NR_write,
            // Waiting.
            __NR_epoll_ctl, __NR_futex,
            // Memory.
            __NR_madvise, __NR_mmap, __NR_munmap,
            // What successors and the next start are to know: files in memory, and in the folder of 'state-dir'.
            __NR_memfd_create, __NR_openat, __NR_fchmod, __NR_fsync, __NR_renameat, __NR_unlinkat,
            // The end.
            __NR_exit, __NR_exit_group, __NR_rt_sigprocmask,
        ] + usualHere

    /// Right, but rare: other C libraries and kernels, crashes, memory that runs short, clocks that the kernel must be asked for.
    package static let rare: [Int32] =
        [
            // A probe that passes again listens again.
            __NR_listen,
            // A client leaves while its server is being connected to.
            __NR_getpeername,
            // Threads begin and end.
            __NR_epoll_create1, __NR_eventfd2, __NR_rseq, __NR_set_robust_list, __NR_sigaltstack, __NR_sched_getaffinity, __NR_sched_yield, __NR_prlimit64,
            // Memory.
            __NR_brk, __NR_mprotect, __NR_mremap,
            // Waiting and clocks.
            __NR_clock_gettime, __NR_clock_nanosleep, __NR_epoll_pwait, __NR_gettimeofday, __NR_nanosleep, __NR_restart_syscall,
            // Who and what one is.
            __NR_getegid, __NR_geteuid, __NR_getgid, __NR_getpid, __NR_getrandom, __NR_getrusage, __NR_gettid, __NR_getuid,
            // Files.
            __NR_fstat, __NR_newfstatat, __NR_pread64, __NR_renameat2, __NR_writev,
            // A crash says what it is, and is one.
            __NR_rt_sigaction, __NR_rt_sigreturn, __NR_tgkill,
        ] + rareHere

    #if arch(x86_64)
        private static let usualHere: [Int32] = [__NR_epoll_wait, __NR_poll]
        private static let rareHere: [Int32] = [__NR_ppoll]
        private static let fatalHere: [Int32] = [
            __NR_create_module, __NR_ioperm, __NR_iopl, __NR_mknod, __NR_modify_ldt, __NR_uselib, __NR_vfork, __NR_fork,
        ]
    #else
        private static let usualHere: [Int32] = [__NR_ppoll]
        private static let rareHere: [Int32] = []
        private static let fatalHere: [Int32] = []
    #endif

    /// No way of serving makes these: whoever does has taken the process over.
    package static let fatal: [Int32] =
        [
            // Other programs.
            __NR_execve, __NR_execveat,
            // Other processes' memory, and their files.
            __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_pidfd_getfd, __NR_kcmp,
            // Another view of the machine.
            __NR_chroot, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_setns, __NR_unshare, __NR_open_by_handle_at, __NR_mknodat,
            // Other rights.
            __NR_setuid, __NR_setgid, __NR_setreuid, __NR_setregid, __NR_setresuid, __NR_setresgid, __NR_setgroups, __NR_setfsuid, __NR_setfsgid, __NR_capset,
            __NR_add_key, __NR_request_key, __NR_keyctl,
            // The kernel.
            __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_io_uring_setup, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_kexec_load,
            __NR_reboot, __NR_swapon, __NR_swapoff, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex, __NR_clock_adjtime, __NR_sethostname,
            __NR_setdomainname, __NR_acct, __NR_quotactl, __NR_syslog, __NR_personality,
        ] + fatalHere

    /// The filter of a process that serves: what is not listed fails, so that a call which was forgotten here costs what it was made for and not the
    /// node; what is `fatal` ends the process.
    ///
    /// - Parameter isTrial: everything is done, and the kernel's log tells what would not have been.
    /// - Returns: `nil` on an architecture whose calls are not known here.
    package static func filter(isTrial: Bool) -> SystemCallFilter? {
        guard let architecture = SystemCallFilter.ownArchitecture else { return nil }
        return SystemCallFilter(
            architecture: architecture, verdicts: [(usual + rare, .allowed), (isTrial ? [] : fatal, .fatal)], others: isTrial ? .logged : .refused)
    }
}
