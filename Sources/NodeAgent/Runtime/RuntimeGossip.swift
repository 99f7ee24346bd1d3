import Wire

/// The commands about gossip, which HAProxy does not have.
extension RuntimeCommand {
    /// Answers `show gossip` and its forms.
    static func showGossip(_ call: RuntimeCall) -> AnswerText {
        guard let report = call.target.gossipReport() else { return .error("There is no 'gossip' section in the configuration.\n") }
        return switch call.argument(0) {
        case "": AnswerText(report.summary)
        case "members": report.members
        case "health": report.health
        case "admin": report.administrative
        case "keys": report.keys
        default: .error("'show gossip' takes 'members', 'health', 'admin' or 'keys'.\n")
        }
    }

    /// Answers `install gossip key HEX`.
    static func installKey(_ call: RuntimeCall) -> AnswerText {
        guard let secret = Hexadecimal.bytes(call.argument(0).utf8).flatMap({ Bytes32($0) }), secret != .loopbackKey else {
            return .error("Require a key of 64 hexadecimal digits; 'tsukada keygen' creates one.\n")
        }
        return change(.install(secret), call)
    }

    /// Answers `use gossip key ID` and `remove gossip key ID`.
    static func changeKey(_ call: RuntimeCall, _ make: (UInt32) -> KeyChange) -> AnswerText {
        guard let id = Hexadecimal.number(call.argument(0), digits: 8) else {
            return .error("Require a key's id of 8 hexadecimal digits; 'show gossip keys' lists them.\n")
        }
        return change(make(UInt32(truncatingIfNeeded: id)), call)
    }

    private static func change(_ change: KeyChange, _ call: RuntimeCall) -> AnswerText {
        answer { () throws(RuntimeTargetError) in
            try call.target.changeKeys(change)
            return ""
        }
    }
}
