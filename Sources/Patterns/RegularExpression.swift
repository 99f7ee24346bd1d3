import CPCRE2

/// A regular expression in PCRE2's syntax, which is HAProxy's. It matches bytes, not characters, and parentheses do not capture.
///
/// It is compiled once, without machine code, because the service's unit forbids memory that is both writable and executable. Limits bound the work of a match:
/// both the expression and the bytes come from outside.
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
    /// The most backtracking steps for each byte at which a match may begin.
    package static let stepsMax = 50_000
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
        compiled = try CompiledExpression(Array(pattern.utf8), PCRE2_NO_AUTO_CAPTURE | (isCaseSensitive ? 0 : PCRE2_CASELESS))
    }

    /// Searches the bytes for a match; `nil` when a limit is reached first, so that the answer is unknown.
    package func matches(_ bytes: UnsafeRawBufferPointer) -> Bool? { compiled.matches(bytes) }

    /// Searches the bytes for a match; `nil` when a limit is reached first, so that the answer is unknown.
    package func matches(_ bytes: ArraySlice<UInt8>) -> Bool? { bytes.withUnsafeBytes { compiled.matches($0) } }

    /// True for the same expression.
    package static func == (left: RegularExpression, right: RegularExpression) -> Bool {
        left.pattern == right.pattern && left.isCaseSensitive == right.isCaseSensitive
    }
}

/// PCRE2's compiled form and the limits of its matches. Neither changes after the initializer, so that all threads may match at the same time. The pointers are
/// stored as numbers, because a pointer cannot be passed between threads.
private final class CompiledExpression: Sendable {
    private let code: UInt
    private let limits: UInt

    init(_ pattern: [UInt8], _ options: UInt32) throws(RegularExpression.SyntaxError) {
        var (number, offset): (Int32, Int) = (0, 0)
        guard let code = pcre2_compile_8(pattern, pattern.count, options, &number, &offset, nil) else {
            throw RegularExpression.SyntaxError(reason: Self.text(number), offset: offset)
        }
        guard let limits = pcre2_match_context_create_8(nil) else {
            pcre2_code_free_8(code)
            throw RegularExpression.SyntaxError(reason: "no memory", offset: 0)
        }
        pcre2_set_match_limit_8(limits, UInt32(RegularExpression.stepsMax))
        pcre2_set_depth_limit_8(limits, UInt32(RegularExpression.stepsMax))
        pcre2_set_heap_limit_8(limits, UInt32(RegularExpression.kibibytesMax))
        (self.code, self.limits) = (UInt(bitPattern: code), UInt(bitPattern: limits))
    }

    deinit {
        pcre2_match_context_free_8(OpaquePointer(bitPattern: limits))
        pcre2_code_free_8(OpaquePointer(bitPattern: code))
    }

    func matches(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        guard let match = pcre2_match_data_create_8(1, nil) else { return nil }
        defer { pcre2_match_data_free_8(match) }
        // An empty buffer may have no address.
        var empty: UInt8 = 0
        let result = withUnsafeBytes(of: &empty) { substitute in
            let start = (bytes.baseAddress ?? substitute.baseAddress)?.assumingMemoryBound(to: UInt8.self)
            return pcre2_match_8(OpaquePointer(bitPattern: code), start, bytes.count, 0, 0, match, OpaquePointer(bitPattern: limits))
        }
        return result >= 0 ? true : result == PCRE2_ERROR_NOMATCH ? false : nil
    }

    private static func text(_ number: Int32) -> String {
        var text = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(number, &text, text.count)
        return length > 0 ? String(decoding: text.prefix(Int(length)), as: UTF8.self) : "error \(number)"
    }
}
