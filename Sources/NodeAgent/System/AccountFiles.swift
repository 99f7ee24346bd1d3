/// The identifiers of users and groups in /etc/passwd and /etc/group.
struct AccountFiles: Equatable, Sendable {
    /// Reads this machine's files; an unreadable file counts as empty.
    static func ofMachine() -> AccountFiles {
        AccountFiles(passwd: (try? SystemFile.text("/etc/passwd")) ?? "", group: (try? SystemFile.text("/etc/group")) ?? "")
    }

    private let users: [String: UInt32]
    private let groups: [String: UInt32]

    /// Parses `passwd` (`name:password:uid:gid:...`) and `group` (`name:password:gid:...`). Ignores other lines.
    init(passwd: String, group: String) {
        users = AccountFiles.identifiers(passwd, fieldsMin: 4)
        groups = AccountFiles.identifiers(group, fieldsMin: 3)
    }

    /// The identifier of the user called `name`. As in the system, the first entry counts.
    func userIdentifier(_ name: String) -> UInt32? { users[name] }

    /// The identifier of the group called `name`. The first entry counts.
    func groupIdentifier(_ name: String) -> UInt32? { groups[name] }

    /// The third field of each line, by its first field.
    private static func identifiers(_ text: String, fieldsMin: Int) -> [String: UInt32] {
        var identifiers: [String: UInt32] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= fieldsMin, !fields[0].isEmpty, let identifier = number(fields[2]) else { continue }
            let name = String(fields[0])
            if identifiers[name] == nil { identifiers[name] = identifier }
        }
        return identifiers
    }

    /// Parses an identifier. The largest 32-bit number is invalid, because it means "no change" to setuid(2).
    private static func number(_ text: Substring) -> UInt32? {
        guard text.first?.isNumber == true, let number = UInt32(text), number != .max else { return nil }
        return number
    }
}

extension AccountFiles {
    /// The identifier of a user, given by name or number. `context` begins the error message.
    func userIdentifier(_ text: String, for context: String) throws(StartError) -> UInt32 {
        if let number = UInt32(text) ?? userIdentifier(text) { return number }
        throw StartError("\(context): no user '\(text)' in /etc/passwd; create it ('useradd -r \(text)') or write another one")
    }

    /// The identifier of a group, given by name or number. `context` begins the error message.
    func groupIdentifier(_ text: String, for context: String) throws(StartError) -> UInt32 {
        if let number = UInt32(text) ?? groupIdentifier(text) { return number }
        throw StartError("\(context): no group '\(text)' in /etc/group; create it ('groupadd -r \(text)') or write another one")
    }
}
