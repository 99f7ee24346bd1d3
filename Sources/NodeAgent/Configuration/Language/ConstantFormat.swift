/// HAProxy's log format, as far as its text is the same for every session: `%%` is a percent sign, `%[str(TEXT)]` and `%[int(NUMBER)]` are constants.
enum ConstantFormat {
    /// The text of `format`; `nil` if it depends on the session.
    static func text(of format: String) -> String? {
        var (rest, text) = (format[...], "")
        while let percent = rest.firstIndex(of: "%") {
            text += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            if rest.hasPrefix("%") {
                text += "%"
                rest = rest.dropFirst()
            } else if let constant = takeConstant(&rest) {
                text += constant
            } else {
                return nil
            }
        }
        return text + rest
    }

    /// Takes "[str(TEXT)]" or "[int(NUMBER)]" from the front of `rest`.
    private static func takeConstant(_ rest: inout Substring) -> Substring? {
        guard rest.hasPrefix("[str(") || rest.hasPrefix("[int("), let end = rest.firstIndex(of: ")"), rest[end...].hasPrefix(")]") else { return nil }
        let constant = rest[..<end].dropFirst(5)
        guard !rest.hasPrefix("[int(") || Int(constant) != nil else { return nil }
        rest = rest[end...].dropFirst(2)
        return constant
    }
}
