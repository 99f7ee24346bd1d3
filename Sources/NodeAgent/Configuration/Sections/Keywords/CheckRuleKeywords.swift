import Proxy

/// The rules that `option tcp-check` and `option httpchk` have in common.
enum CheckRuleKeywords {
    /// Takes the arguments of a rule, and its comment.
    typealias Action = @Sendable (inout ConfigurationLine, CheckScript.Kind) throws(ConfigurationProblem) -> (CheckStep.Action, comment: String?)

    /// How `send` differs from HAProxy's.
    static let sendDifference = "Supports fewer expressions."
    private static let connectDifference = "`ssl`, `sni`, `alpn`, `via-socks4`, `proto`, and a name after `addr` are errors."
    private static let setDifference = "Supports fewer expressions, only variables with `check.` and `sess.`, and no conditions."

    /// The rules of one family.
    static func rules(of kind: CheckScript.Kind) -> [Keyword<ProxyDraft>] {
        [
            Keyword(
                kind == .http ? "http-check comment" : "tcp-check comment", .serverSide, "<text>", repetition: .many,
                "A comment for the rules that follow, shown when they fail."
            ) { proxy, line throws(ConfigurationProblem) in
                try proxy.checkRules[kind].append(.comment(try line.takeText("a comment")), line)
            },
            rule(
                kind == .http ? "http-check connect" : "tcp-check connect", of: kind,
                "[default] [port <port|expression>] [addr <address>] [send-proxy] [linger] [comment <text>]",
                differs: connectDifference + (kind == .http ? " Without `linger`, it resets the earlier connection." : ""),
                "Connects, by default to the address and port of the server's checks."
            ) { line, kind throws(ConfigurationProblem) in
                let (connect, comment) = try line.takeCheckConnect(in: kind)
                return (.connect(connect), comment)
            },
            rule(
                kind == .http ? "http-check expect" : "tcp-check expect", of: kind, "[<option> <value> ...] [!] <match> <pattern>",
                differs: "Supports fewer expressions. A regular expression that takes too many steps makes the check fail.",
                kind == .http
                    ? "Expects `status`, `rstatus`, `hdr` or `fhdr` in the head, or `string`, `rstring` or `string-lf` in the body; `!` expects it to be absent."
                    : "Expects `string`, `rstring`, `binary`, `rbinary`, `string-lf` or `binary-lf` in the answer; `!` expects it to be absent."
            ) { line, kind throws(ConfigurationProblem) in
                let (expectation, comment) = try line.takeCheckExpectation(in: kind)
                return (.expect(expectation), comment)
            },
            rule(
                kind == .http ? "http-check set-var" : "tcp-check set-var", of: kind, "(check.NAME) <expression>", differs: setDifference, "Stores a value."
            ) { line, kind throws(ConfigurationProblem) in
                (.set(variable: try line.checkVariable(), try line.takeCheckExpression(in: kind)), nil)
            },
            rule(
                kind == .http ? "http-check set-var-fmt" : "tcp-check set-var-fmt", of: kind, "(check.NAME) <format>", differs: setDifference,
                "Stores the text of a format."
            ) { line, kind throws(ConfigurationProblem) in
                (.setText(variable: try line.checkVariable(), try line.takeCheckFormat(in: kind)), nil)
            },
            rule(
                kind == .http ? "http-check unset-var" : "tcp-check unset-var", of: kind, "(check.NAME)",
                differs: "Supports only variables with `check.` and `sess.`.", "Removes a variable."
            ) { line, _ throws(ConfigurationProblem) in (.unset(variable: try line.checkVariable()), nil) },
        ]
    }

    /// The keyword of a rule that is a step.
    static func rule(
        _ name: String, of kind: CheckScript.Kind, _ arguments: String, differs difference: String? = nil, _ meaning: String, _ take: @escaping Action
    ) -> Keyword<ProxyDraft> {
        Keyword(name, .serverSide, arguments, repetition: .many, differs: difference, meaning) { proxy, line throws(ConfigurationProblem) in
            let (action, comment) = try take(&line, kind)
            try proxy.checkRules[kind].append(.step(CheckStep(number: proxy.checkRules[kind].nextNumber, action, comment: comment)), line)
        }
    }
}
