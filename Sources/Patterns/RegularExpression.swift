import CPCRE2

/// A regular expression in PCRE2's syntax, which is HAProxy's. It matches bytes, not characters, and parentheses do not capture.
///
/// It is compiled once, without machine code, because the service's unit forbids memory that is both writable and executable. Limits bound the work and the
/// memory of a match: both the expression and the bytes come from outside.
package struct RegularExpression: Equatable, Sendable {
    /// Why a text is no regular expression.
    package struct SyntaxError: Error, Equatable, Sendable {
        /// PCRE2's text: "missing closing parenthesis".
        package let reason: String
        /// The number of bytes before the error.
        package let offset: Int
    }

    /// The most bytes of an expression.
    package static let patternBytesMax = 4_096
    /// The work that a caller may spend on all its matches, in bytes that are read: about 50 ms.
    package static let workMax = 32_000_000
    /// The most memory for backtracking, in KiB.
    package static let kibibytesMax = 16_384

    /// The expression.
    package let pattern: String
    /// False when upper and lower case are equal.
    package let isCaseSensitive: Bool
    private let compiled: CompiledExpression

    /// Compiles an expression.
    package init(_ pattern: String, isCaseSensitive: Bool = true) throws(SyntaxError) {
        guard pattern.utf8.count <= Self.patternBytesMax else {
            throw SyntaxError(reason: "more than \(Self.patternBytesMax) bytes", offset: Self.patternBytesMax)
        }
        (self.pattern, self.isCaseSensitive) = (pattern, isCaseSensitive)
        compiled = try CompiledExpression(Array(pattern.utf8), isCaseSensitive ? 0 : PCRE2_CASELESS)
    }

    /// Searches the bytes for a match; `nil` when a limit is reached first, so that the answer is unknown.
    ///
    /// - Parameter work: the remaining work of `workMax`, from which the match takes its own.
    package func matches(_ bytes: ArraySlice<UInt8>, work: inout Int) -> Bool? { bytes.withUnsafeBytes { compiled.matches($0, &work) } }

    /// True for the same expression.
    package static func == (left: RegularExpression, right: RegularExpression) -> Bool {
        left.pattern == right.pattern && left.isCaseSensitive == right.isCaseSensitive
    }
}

/// PCRE2's compiled form. It does not change after the initializer, so that all threads may match at the same time. The pointer is stored as a number, because a
/// pointer cannot be passed between threads.
private final class CompiledExpression: Sendable {
    private let code: UInt
    private let work: MatchWork

    init(_ pattern: [UInt8], _ options: UInt32) throws(RegularExpression.SyntaxError) {
        var (number, offset): (Int32, Int) = (0, 0)
        guard let code = pcre2_compile_8(pattern, pattern.count, options | PCRE2_NO_AUTO_CAPTURE | PCRE2_AUTO_CALLOUT, &number, &offset, nil) else {
            throw RegularExpression.SyntaxError(reason: Self.text(number), offset: offset)
        }
        var reference: UInt32 = 0
        pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_BACKREFMAX), &reference)
        self.code = UInt(bitPattern: code)
        work = MatchWork(pattern, hasReferences: reference > 0)
    }

    deinit { pcre2_code_free_8(OpaquePointer(bitPattern: code)) }

    func matches(_ bytes: UnsafeRawBufferPointer, _ workLeft: inout Int) -> Bool? {
        guard let match = pcre2_match_data_create_8(1, nil) else { return nil }
        defer { pcre2_match_data_free_8(match) }
        guard let limits = pcre2_match_context_create_8(nil) else { return nil }
        defer { pcre2_match_context_free_8(limits) }
        pcre2_set_heap_limit_8(limits, UInt32(RegularExpression.kibibytesMax))
        // An empty buffer may have no address.
        var (work, empty): (MatchWork, UInt8) = (work, 0)
        work.left = workLeft
        defer { workLeft = work.left }
        let result = withUnsafeMutablePointer(to: &work) { work in
            pcre2_set_callout_8(limits, MatchWork.add, work)
            return withUnsafeBytes(of: &empty) { substitute in
                let start = (bytes.baseAddress ?? substitute.baseAddress)?.assumingMemoryBound(to: UInt8.self)
                return pcre2_match_8(OpaquePointer(bitPattern: code), start, bytes.count, 0, 0, match, limits)
            }
        }
        return result >= 0 ? true : result == PCRE2_ERROR_NOMATCH ? false : nil
    }

    private static func text(_ number: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(number, &text, text.count)
        return length > 0 ? String(decoding: text.prefix(Int(length)), as: UTF8.self) : "error \(number)"
    }
}

/// The work of a match, from all bytes at which it may begin. PCRE2's own limit does not serve: it starts again at each of these bytes, and does not count the
/// bytes that an item such as `[^b]*` reads.
private struct MatchWork: Sendable {
    /// The work of an item itself.
    private static let perItem = 16

    /// The remaining work of the caller.
    var left = 0
    private var position = 0
    /// The most times that an item must repeat. It may read as many bytes without moving the position, because the last one does not match.
    private let repeatsMin: Int
    /// True for an expression that contains references to groups. A reference reads as many bytes as its group has matched.
    private let hasReferences: Bool

    init(_ pattern: [UInt8], hasReferences: Bool) {
        let numbers = pattern.split(separator: UInt8(ascii: "{")).map { part in
            part.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.reduce(0) { min(65_535, $0 * 10 + Int($1 - UInt8(ascii: "0"))) }
        }
        (repeatsMin, self.hasReferences) = (max(1, numbers.max() ?? 1), hasReferences)
    }

    /// PCRE2 calls this before each item that it carries out, at each position, and ends the match unless the result is 0.
    static let add: @convention(c) (UnsafeMutablePointer<pcre2_callout_block_8>?, UnsafeMutableRawPointer?) -> Int32 = { block, work in
        guard let block, let work = work?.assumingMemoryBound(to: MatchWork.self) else { return PCRE2_ERROR_CALLOUT }
        return work.pointee.add(block) ? 0 : PCRE2_ERROR_CALLOUT
    }

    /// Adds the work since the last item, and of the next one. Returns false when the limit is reached.
    private mutating func add(_ block: UnsafePointer<pcre2_callout_block_8>) -> Bool {
        let current = block.pointee.current_position
        left -= Self.perItem + abs(current - position) + repeatsMin * (hasReferences ? Self.longestGroup(block) : 1)
        position = current
        return left >= 0
    }

    /// The most bytes that a group has matched, at least 1.
    private static func longestGroup(_ block: UnsafePointer<pcre2_callout_block_8>) -> Int {
        let ends = block.pointee.offset_vector
        return (1..<max(1, Int(block.pointee.capture_top))).reduce(1) { longest, group in
            guard let ends, ends[2 * group] >= 0 else { return longest }
            return max(longest, abs(ends[2 * group + 1] - ends[2 * group]))
        }
    }
}
