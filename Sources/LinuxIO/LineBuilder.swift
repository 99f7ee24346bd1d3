import Glibc
import Wire

/// Builds a line of bytes in its own memory, without further allocations. Bytes beyond the capacity are cut.
package struct LineBuilder: ~Copyable {
    /// The limit on the line, in bytes.
    package let capacity: Int
    private let base: UnsafeMutableRawPointer
    /// The length of the line so far.
    package private(set) var count = 0

    /// Creates an empty line of at most `capacity` bytes.
    package init(capacity: Int) {
        self.capacity = capacity
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    /// The line so far, valid until the next change.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// Empties the line.
    package mutating func clear() { count = 0 }

    /// Appends a literal.
    package mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes.
    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        let taken = min(bytes.count, capacity - count)
        if taken > 0, let source = bytes.baseAddress { (base + count).copyMemory(from: source, byteCount: taken) }
        count += taken
    }

    /// Appends bytes.
    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Appends the English short name of the month: "Jan" to "Dec".
    package mutating func append(monthOf time: LocalTime) {
        let names: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        guard (1...12).contains(time.month) else { return append("???") }
        append(UnsafeRawBufferPointer(start: names.utf8Start + 3 * (time.month - 1), count: 3))
    }

    /// Appends the time of day: "17:12:36".
    package mutating func append(clockOf time: LocalTime) {
        append(Int64(time.hour), width: 2)
        append(byte: UInt8(ascii: ":"))
        append(Int64(time.minute), width: 2)
        append(byte: UInt8(ascii: ":"))
        append(Int64(time.second), width: 2)
    }

    /// Appends one byte.
    package mutating func append(byte: UInt8) {
        guard count < capacity else { return }
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// Appends a decimal number, with leading zeros up to `width`.
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

    /// Appends an IP address in its usual text form, without brackets; "unix" for any other family.
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
