import Glibc

/// The value of a socket's integer option; -1 if it has none.
func socketOption(_ level: Int32, _ name: Int32, _ raw: Int32) -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(4)
    getsockopt(raw, level, name, &value, &length)
    return value
}
