import Glibc

/// An open file descriptor with one owner. It is closed at the end of the owner's lifetime.
package struct FileDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, for calls that do not store it.
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

/// A shared owner of a descriptor, for collections and closures, which cannot hold a `~Copyable` value. The last reference closes it.
package final class OpenFile: Sendable {
    /// The descriptor.
    package let descriptor: FileDescriptor

    /// Takes over `descriptor`.
    package init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }

    /// The descriptor's number.
    package var raw: Int32 { descriptor.raw }
}
