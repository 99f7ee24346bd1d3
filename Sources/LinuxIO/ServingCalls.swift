import CLinux

/// The system calls that a process makes while it serves, grouped by purpose. All other calls happen before the filter is installed.
///
/// Names are the kernel's. Where a purpose has two calls, C libraries and architectures differ in the one they use.
package enum ServingCalls {
    /// Calls that occur in normal service; tests observe each of them.
    package static let usual: [Int32] =
        [
            // Sessions, checks, DNS queries, log lines, gossip, runtime connections.
            __NR_accept4, __NR_close, __NR_connect, __NR_getsockname, __NR_getsockopt, __NR_pipe2, __NR_recvfrom, __NR_recvmmsg, __NR_recvmsg,
            __NR_sendmmsg, __NR_sendmsg, __NR_sendto, __NR_setsockopt, __NR_shutdown, __NR_socket, __NR_splice, __NR_fcntl, __NR_read, __NR_write,
            // Waiting.
            __NR_epoll_ctl, __NR_futex,
            // Memory.
            __NR_madvise, __NR_mmap, __NR_munmap,
            // Handing over state to successors and to the next start: files in memory and in the folder of 'state-dir'.
            __NR_memfd_create, __NR_openat, __NR_fchmod, __NR_fsync, __NR_renameat, __NR_unlinkat,
            // Exit.
            __NR_exit, __NR_exit_group, __NR_rt_sigprocmask,
        ] + usualHere

    /// Valid but rare calls: other C libraries and kernels, crashes, low memory, clocks that need a system call.
    package static let rare: [Int32] =
        [
            // A probe passes again, and its listener listens again.
            __NR_listen,
            // A client leaves during the connect to its server.
            __NR_getpeername,
            // External checks: a connection to the helper process, and its end.
            __NR_socketpair, __NR_wait4,
            // Start and end of threads.
            __NR_epoll_create1, __NR_eventfd2, __NR_rseq, __NR_set_robust_list, __NR_sigaltstack, __NR_sched_getaffinity, __NR_sched_yield, __NR_prlimit64,
            // Memory.
            __NR_brk, __NR_mprotect, __NR_mremap,
            // Waiting and clocks.
            __NR_clock_gettime, __NR_clock_nanosleep, __NR_epoll_pwait, __NR_gettimeofday, __NR_nanosleep, __NR_restart_syscall,
            // Identity and limits of the process.
            __NR_getegid, __NR_geteuid, __NR_getgid, __NR_getpid, __NR_getrandom, __NR_getrusage, __NR_gettid, __NR_getuid,
            // Files.
            __NR_fstat, __NR_newfstatat, __NR_pread64, __NR_renameat2, __NR_writev,
            // Reporting a crash and ending by its signal.
            __NR_rt_sigaction, __NR_rt_sigreturn, __NR_tgkill,
        ] + rareHere

    /// Calls of a process whose configuration has a `source`: connects to servers begin with bind(2).
    package static let ofSources: [Int32] = [__NR_bind]

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

    /// Calls that serving never needs. A process that makes one is compromised.
    package static let fatal: [Int32] =
        [
            // Run other programs.
            __NR_execve, __NR_execveat,
            // Access to other processes' memory and files.
            __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, __NR_pidfd_getfd, __NR_kcmp,
            // Changes of the file system view.
            __NR_chroot, __NR_mount, __NR_umount2, __NR_pivot_root, __NR_setns, __NR_unshare, __NR_open_by_handle_at, __NR_mknodat,
            // Changes of privileges.
            __NR_setuid, __NR_setgid, __NR_setreuid, __NR_setregid, __NR_setresuid, __NR_setresgid, __NR_setgroups, __NR_setfsuid, __NR_setfsgid, __NR_capset,
            __NR_add_key, __NR_request_key, __NR_keyctl,
            // Changes of the kernel.
            __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_io_uring_setup, __NR_init_module, __NR_finit_module, __NR_delete_module, __NR_kexec_load,
            __NR_reboot, __NR_swapon, __NR_swapoff, __NR_settimeofday, __NR_clock_settime, __NR_adjtimex, __NR_clock_adjtime, __NR_sethostname,
            __NR_setdomainname, __NR_acct, __NR_quotactl, __NR_syslog, __NR_personality,
        ] + fatalHere

    /// Returns the filter of a serving process. A call that is not listed fails, so that a forgotten call costs one operation and not the node. A `fatal` call
    /// ends the process.
    ///
    /// - Parameters:
    ///   - isTrial: allows every call, and the kernel logs those that the real filter would stop.
    ///   - additional: further calls that the configuration needs, such as `ofSources`.
    ///   - entersNamespaces: allows setns(2), but only into network namespaces: connects to servers with a `namespace` begin with it.
    /// - Returns: `nil` on an architecture whose call numbers are not listed here.
    package static func filter(isTrial: Bool, additional: [Int32] = [], entersNamespaces: Bool = false) -> SystemCallFilter? {
        guard let architecture = SystemCallFilter.ownArchitecture else { return nil }
        let network = SystemCallFilter.Verdict.allowedFor(UInt32(CLONE_NEWNET), argument: 1, otherwise: isTrial ? .logged : .fatal)
        return SystemCallFilter(
            architecture: architecture,
            verdicts: [(usual + rare + additional, .allowed), (isTrial ? [] : fatal, .fatal), (entersNamespaces ? [__NR_setns] : [], network)],
            others: isTrial ? .logged : .refused)
    }
}
