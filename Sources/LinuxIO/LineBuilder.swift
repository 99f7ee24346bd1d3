import Glibc
import Wire

/// Builds one line of bytes in memory of its own, without allocating. What does not fit is cut.
package struct LineBuilder: ~Copyable {
    /// The longest line.
    package let capacity: Int
    private let base: UnsafeMutableRawPointer
    /// How long the line is now.
    package private(set) var count = 0

    /// An empty line of at most `capacity` bytes.
    package init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// The line so far; valid until it is changed.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Starts again.
    package mutating func clear() { count = 0 }

    /// Adds a literal.
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Adds bytes.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let taken = min(bytes.count, capacity - count)
        if taken > 0, let source = bytes.baseAddress { (base + count).copyMemory(from: source, byteCount: taken) }
        count += taken
    }

    /// Adds bytes.
    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Adds the month's English short name: "Jan" to "Dec".
    package mutating func append(monthOf time: LocalTime) {
        let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        guard (1...12).contains(time.month) else { return append("???") }
        append(UnsafeRawBufferPointer(start: names.utf8Start + 3 * (time.month - 1), count: 3))
    }

    /// Adds the time of day: "17:12:36".
    package mutating func append(clockOf time: LocalTime) {
        append(Int64(time.hour), width: 2)
        append(byte: UInt8(ascii: ":"))
        append(Int64(time.minute), width: 2)
        append(byte: UInt8(ascii: ":"))
        append(Int64(time.second), width: 2)
    }

    /// Adds one ASCII character's byte.
    package mutating func append(byte: UInt8) {
        guard count < capacity else { return }
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Adds a number in decimal, with leading zeros up to `width`.
    package mutating func append(_ number: Int64, width: Int = 1) {
        if number < 0 { append(byte: UInt8(ascii: "-")) }
        var rest = number.magnitude
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var place = buffer.count
            repeat {
                place -= 1
                buffer[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            while buffer.count - place < min(width, 20) {
                place -= 1
                buffer[place] = UInt8(ascii: "0")
            }
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[place...]))
        }
    }

    /// Adds an IP address in its usual text form, without brackets; "unix" for anything else.
    package mutating func append(addressOf family: UInt16, _ bytes: UnsafeRawBufferPointer) {
        let isV6 = Int32(family) == AF_INET6
        guard isV6 || Int32(family) == AF_INET, let source = bytes.baseAddress else { return append("unix") }
        var text: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
        withUnsafeMutableBytes(of: &text) { buffer in
            guard let target = buffer.baseAddress else { return }
            inet_ntop(Int32(family), source, target.assumingMemoryBound(to: CChar.self), socklen_t(buffer.count))
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<(buffer.firstIndex(of: 0) ?? 0)]))
        }
    }
}
