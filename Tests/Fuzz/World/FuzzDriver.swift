import Glibc
import Wire

/// The entry of libFuzzer (compiler-rt, FuzzerInterface.h). It calls `body` with one input after another and returns when its time is over.
@MainActor @_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) @MainActor (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The main function of all fuzz targets.
package enum FuzzDriver {
    /// Runs the fuzzer. With `--seeds DIRECTORY` it writes `seeds` to that directory instead, one file each.
    ///
    /// - Returns: the exit status.
    @MainActor
    package static func run(seeds: @MainActor () -> [(name: String, bytes: [UInt8])], _ body: @convention(c) @MainActor (UnsafePointer<UInt8>?, Int) -> Int32)
        -> Int32
    {
        let words = CommandLine.arguments
        if words.count == 3, words[1] == "--seeds" { return write(seeds(), to: words[2]) ? 0 : 1 }
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        return runDriver(&count, &arguments, body)
    }

    private static func write(_ seeds: [(name: String, bytes: [UInt8])], to folder: String) -> Bool {
        for seed in seeds {
            guard let file = fopen("\(folder)/\(seed.name)", "w") else {
                perror("fopen \(folder)/\(seed.name)")
                return false
            }
            let written = fwrite(seed.bytes, 1, seed.bytes.count, file)
            guard fclose(file) == 0, written == seed.bytes.count else {
                perror("fwrite \(folder)/\(seed.name)")
                return false
            }
        }
        return true
    }
}

/// An input, read as a list of actions. After its end it yields zeros.
package struct FuzzInput {
    private var reader: ByteReader

    /// Creates a reader of the fuzzer's bytes.
    package init(_ start: UnsafePointer<UInt8>?, _ count: Int) { reader = ByteReader(Array(UnsafeBufferPointer(start: start, count: count))) }

    /// True when no byte is left.
    package var isAtEnd: Bool { reader.isAtEnd }

    /// Reads one byte.
    package mutating func byte() -> UInt8 { reader.readByte() ?? 0 }

    /// Reads a number below `limit`.
    package mutating func choice(_ limit: Int) -> Int { Int(byte()) % limit }

    /// Reads eight bytes in network byte order.
    package mutating func word() -> UInt64 { reader.readBigEndian() ?? 0 }

    /// Reads bytes whose count precedes them in two bytes, at most `limit` and at most the rest.
    package mutating func chunk(limit: Int) -> ArraySlice<UInt8> {
        let wanted: UInt16 = reader.readBigEndian() ?? 0
        return reader.readBytes(min(Int(wanted), limit, reader.count)) ?? []
    }

    /// Reads a duration: 0 to 127 ms, or up to 1.28 s in steps of 10 ms.
    package mutating func duration() -> Duration {
        let byte = Int(byte())
        return .milliseconds(byte < 128 ? byte : (byte - 127) * 10)
    }
}
