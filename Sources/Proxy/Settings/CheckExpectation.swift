import Patterns
import Wire

/// `tcp-check expect`, `http-check expect`.
package struct CheckExpectation: Equatable, Sendable {
    /// What an answer must contain, or must not contain if `isNegated`.
    package var match: CheckMatch
    /// `!`.
    package var isNegated = false
    /// `min-recv`: the number of bytes without which the answer is not judged; `nil` to wait for a match until the server is silent or ends the stream.
    package var bytesMin: Int?
    /// `ok-status`, if this is the last step; `nil` for a pass on layer 7.
    package var passStatus: CheckStatus?
    /// `error-status`; `nil` for the match's own.
    package var failureStatus: CheckStatus?
    /// `tout-status`; `nil` for a timeout on layer 7.
    package var timeoutStatus: CheckStatus?
    /// `on-success`: the information in log lines, if this is the last step.
    package var passText: CheckFormat?
    /// `on-error`: the information in log lines.
    package var failureText: CheckFormat?
    /// `status-code`: the code in log lines.
    package var code: CheckExpression?

    /// Creates an expectation without options.
    package init(_ match: CheckMatch) { self.match = match }
}

/// The pattern of an expectation.
package enum CheckMatch: Equatable, Sendable {
    /// `string`: these bytes, anywhere in the answer or in the body of the response.
    case string([UInt8])
    /// `binary`: these bytes, anywhere in the answer.
    case binary([UInt8])
    /// `rstring`.
    case expression(RegularExpression)
    /// `rbinary`: an expression on the answer's hexadecimal digits, in upper case.
    case binaryExpression(RegularExpression)
    /// `string-lf`: the text of a format.
    case text(CheckFormat)
    /// `binary-lf`: the bytes that the hexadecimal digits of a format describe.
    case hexadecimal(CheckFormat)
    /// `status`: the response's status is in one of these ranges.
    case status([ClosedRange<Int>])
    /// `rstatus`: an expression on the digits of the response's status.
    case statusExpression(RegularExpression)
    /// `hdr`, `fhdr`.
    case header(CheckHeaderPattern)
    /// The answer to an LDAP bind: a pass if its result is success.
    case ldapBind
}

/// `hdr`, `fhdr`: a header of the response.
package struct CheckHeaderPattern: Equatable, Sendable {
    /// A pattern of a name or of a value.
    package enum Text: Equatable, Sendable {
        /// An expression: `-m reg`.
        case expression(RegularExpression)
        /// The text of a format, compared by `method`.
        case text(CheckFormat, CheckTextComparison)
    }

    /// The name; upper and lower case are equal.
    package var name: Text
    /// The value; `nil` for any.
    package var value: Text?
    /// True for `fhdr`: a value is the whole line. Otherwise commas separate values.
    package var isWholeLine: Bool

    /// Creates a pattern.
    package init(name: Text, value: Text?, isWholeLine: Bool) { (self.name, self.value, self.isWholeLine) = (name, value, isWholeLine) }
}

/// `-m`: how a text is compared.
package enum CheckTextComparison: Equatable, Sendable {
    /// `str`.
    case equal
    /// `beg`.
    case prefix
    /// `end`.
    case suffix
    /// `sub`.
    case contained

    /// Compares a text with a pattern.
    package func holds(_ text: ArraySlice<UInt8>, _ pattern: [UInt8]) -> Bool {
        switch self {
        case .equal: text.elementsEqual(pattern)
        case .prefix: text.starts(with: pattern)
        case .suffix: text.count >= pattern.count && text.suffix(pattern.count).elementsEqual(pattern)
        case .contained: text.includes(pattern)
        }
    }
}
