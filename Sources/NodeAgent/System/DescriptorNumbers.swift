import Glibc
import LinuxIO

extension OpenFile {
    /// The descriptor that the parent process has named in `word`, now close-on-exec; `nil` if it names none, or a standard stream. The caller owns it.
    static func inheritedNumber(_ word: some StringProtocol) -> Int32? {
        guard let number = Int32(word), number > STDERR_FILENO, fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { return nil }
        return number
    }

    /// A second descriptor of an open file, close-on-exec. Its number is above those of the standard streams, even if one of these is closed.
    static func copy(of raw: Int32) throws(SystemError) -> OpenFile {
        let copy = fcntl(raw, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
        guard copy >= 0 else { throw .last("fcntl") }
        return OpenFile(FileDescriptor(owning: copy))
    }
}
