import Glibc

/// An open file descriptor with one owner, closed when the owner lets go of it.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The kernel's number, for calls that do not keep it.
    package let raw: Int32

    /// Takes over an open descriptor.
    package init(owning raw: Int32) {
        precondition(raw >= 0, "a descriptor is never negative, got \(raw)")
        self.raw = raw
    }

    deinit { _ = Glibc.close(raw) }

    /// Gives up ownership without closing.
    package consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }
}

/// Keeps a descriptor where a `~Copyable` value cannot stand: in collections and closures. Closed with the last reference.
package final class OpenFile: Sendable {
    /// The descriptor.
    package let descriptor: FileDescriptor

    /// Takes over `descriptor`.
    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// The kernel's number.
    package var raw: Int32 { descriptor.raw }
}
