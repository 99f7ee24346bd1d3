/// HAProxy's texts about steps.
extension CheckStep {
    /// Where a connection failed, or an answer was too late: " at step 2 of tcp-check (expect string 'role:master')".
    var failureText: String {
        guard number > 0 else { return " at initial connection step of tcp-check" }
        return " at step \(number) of tcp-check" + detail + quotedComment
    }

    /// An orderly end of the stream before the first byte.
    var emptyText: String { "TCPCHK got an empty response at step \(number)" + quotedComment }

    /// An answer that does not match, or that matches although it must not.
    func mismatchText(_ match: CheckMatch, isUnwanted: Bool) -> String {
        (isUnwanted ? "TCPCHK matched unwanted content" : "TCPCHK did not match content") + match.mismatchDetail + " at step \(number)"
    }

    private var quotedComment: String { comment.map { " comment: '\($0)'" } ?? "" }

    private var detail: String {
        switch action {
        case .connect(let connect):
            if case .fixed(let port)? = connect.port { " (connect port \(port))" } else { " (connect)" }
        case .send: " (send)"
        case .expect(let expectation): " (expect \(expectation.match.name))"
        case .set, .setText, .unset: ""
        }
    }
}

extension CheckMatch {
    /// The pattern in texts about connections.
    fileprivate var name: String {
        switch self {
        case .string(let bytes): "string '\(ScriptValues.info(bytes))'"
        case .binary(let bytes): "binary '\(ScriptValues.info(bytes))'"
        case .expression: "regex"
        case .binaryExpression: "binary regex"
        case .text: "log-format string"
        case .hexadecimal: "log-format binary"
        case .status: "HTTP status codes"
        case .statusExpression: "HTTP status regex"
        case .header: "HTTP header pattern"
        case .ldapBind: "custom function"
        }
    }

    /// The pattern in texts about answers.
    fileprivate var mismatchDetail: String {
        switch self {
        case .string(let bytes): " '\(ScriptValues.info(bytes))'"
        case .binary: " (binary)"
        case .expression, .statusExpression: " (regex)"
        case .binaryExpression: " (binary regex)"
        case .text: " (log-format string)"
        case .hexadecimal: " (log-format binary)"
        case .status: "(status codes)"
        case .header: " (header pattern)"
        case .ldapBind: " (custom function)"
        }
    }
}
